"""From the config to a checked and split dataset."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

from rlsr.config.data import DataConfig
from rlsr.data.checks import (
    CountTokens,
    check_duplicates,
    check_leaks,
    check_length,
    merge_same_prompts,
)
from rlsr.data.convert import to_entry
from rlsr.data.dataset import (
    DataReport,
    Dataset,
    measure_prompts,
    measure_references,
    survey_columns,
)
from rlsr.data.layouts import ResolvedLayout, resolve_layout, rows_to_detect
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Entry, MarkedRecord, MergedRow, Problem, count_kinds, show
from rlsr.data.sources import read_rows, source_kind
from rlsr.data.split import choose_heldout
from rlsr.errors import ConfigError, DataError

logger = logging.getLogger(__name__)
_NUM_SHOWN_PROBLEMS = 20


def load_dataset(
    config: DataConfig,
    *,
    count_tokens: CountTokens | None = None,
    max_prompt_tokens: int | None = None,
) -> Dataset:
    """Read, check and split the data.

    Args:
        config: What to read and how.
        count_tokens: Counts a prompt's tokens, chat template included; needed for the budget, within which it may say too many.
        max_prompt_tokens: Longest prompt allowed, in tokens; None allows any.

    Returns:
        The records in file order, and a report that accounts for every row read.

    Raises:
        ConfigError: If settings clash.
        DataError: If a source cannot be used, if rows are bad and not to be skipped (all of them
            are listed in ``problems``, the first in the message), or if no row is left to train on.
        MissingPackageError: If reading the source needs a package that is not installed.
    """
    _check_settings(config)
    entries, num_rows, layout = _read_entries(config)
    if max_prompt_tokens is not None:
        assert count_tokens is not None, "a budget needs a way to count"
        entries = check_length(
            entries, count_tokens=count_tokens, max_prompt_tokens=max_prompt_tokens
        )
    entries = _settle_same_prompts(config, check_leaks(entries))
    _handle_problems(config, entries, num_rows)
    records = [entry for entry in entries if isinstance(entry, MarkedRecord)]
    _warn_of_left_out(config, records)
    train, heldout = _divide(config, records)
    return Dataset(train, heldout, _report(config, layout, entries, train, heldout))


def _check_settings(config: DataConfig) -> None:
    kind = source_kind(config.path)
    if config.split != "train" and kind in ("builtin", "file"):
        raise ConfigError(
            f"data.split: only Hugging Face datasets have splits, got {config.split} for "
            f"{config.path}; remove data.split, or mark the rows in a column `split`"
        )
    if config.on_bad_row != "skip_few" and _is_set(config, "max_bad_share"):
        raise ConfigError(
            f"data.max_bad_share: only data.on_bad_row=skip_few counts bad rows, got {config.max_bad_share:g} with "
            f"data.on_bad_row={config.on_bad_row}; remove one of the two"
        )
    if config.heldout_path and source_kind(config.heldout_path) not in ("builtin", "file"):
        raise ConfigError(
            f"data.heldout_path: must name a file, got the dataset {config.heldout_path}; "
            "save its rows as .jsonl first"
        )


def _is_set(config: DataConfig, name: str) -> bool:
    return bool(getattr(config, name) != DataConfig.model_fields[name].default)


def _read_entries(config: DataConfig) -> tuple[list[Entry], int, ResolvedLayout]:
    """Read all rows; the number is that of the rows of ``data.path``, before those of ``data.heldout_path``."""
    entries, layout = _read_source(config, config.path, config.limit)
    num_rows = len(entries)
    if not config.use_marks:
        entries = [_without_mark(entry) for entry in entries]
    if config.heldout_path:
        heldout, _ = _read_source(config, config.heldout_path, None)
        entries += [_mark_heldout(entry) for entry in heldout]
    return entries, num_rows, layout


def _read_source(
    config: DataConfig, path: str, limit: int | None
) -> tuple[list[Entry], ResolvedLayout]:
    rows = islice(read_rows(path, split=config.split), limit)
    first_rows = rows_to_detect(rows)
    layout = resolve_layout(first_rows, layout=config.layout, columns=config.columns, source=path)
    # One after another: all raw rows beside all records would be twice the memory.
    entries: list[Entry] = [
        row if isinstance(row, Problem) else to_entry(row, layout)
        for row in chain(first_rows, rows)
    ]
    return entries, layout


def _without_mark(entry: Entry) -> Entry:
    return replace(entry, mark=None) if isinstance(entry, MarkedRecord) else entry


def _mark_heldout(entry: Entry) -> Entry:
    if not isinstance(entry, MarkedRecord):
        return entry
    if entry.mark == "train":
        message = (
            "`split` is train, but the row stands in `data.heldout_path`; change it or move the row"
        )
        return Problem(entry.record.location, "bad_split", message)
    return replace(entry, mark="heldout")


def _settle_same_prompts(config: DataConfig, entries: list[Entry]) -> list[Entry]:
    if config.same_prompt == "merge":
        return merge_same_prompts(entries)
    return check_duplicates(entries) if config.same_prompt == "error" else entries


def _warn_of_left_out(config: DataConfig, rows: Sequence[MarkedRecord]) -> None:
    """Name further columns that rewards will not see."""
    counts = Counter(column for row in rows for column in row.left_out)
    if counts:
        logger.warning(
            "%s: further columns are left out where JSON cannot hold their values: %s; store them as text to use them",
            config.path,
            ", ".join(f"{show(column)} in {count} rows" for column, count in counts.items()),
        )


def _handle_problems(config: DataConfig, entries: Sequence[Entry], num_rows: int) -> None:
    """Stop at bad rows, or say that they are skipped."""
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    if not problems:
        return
    summary = f"{len(problems)} of {len(entries)} rows cannot be used: {count_kinds(problems)}"
    if len(problems) < len(entries) and _may_skip(config, entries, num_rows):
        logger.warning(
            "%s: %s; they are skipped (data.on_bad_row), the first is %s",
            config.path,
            summary,
            problems[0].location,
        )
        return
    shown = [f"  {problem.line}" for problem in problems[:_NUM_SHOWN_PROBLEMS]]
    if len(problems) > len(shown):
        shown.append(f"  ... and {len(problems) - len(shown)} more")
    way_out = "put them right, or leave them out with data.on_bad_row=skip"
    if len(problems) == len(entries):
        summary = f"no usable row is left: {summary}"
        way_out = "put them right, or set data.path or data.layout to what is meant"
    elif config.on_bad_row == "skip_few":
        way_out = f"{way_out} (up to {100 * config.max_bad_share:g} % are left out without it, data.max_bad_share)"
    message = "\n".join([f"{config.path}: {summary}", *shown, f"To go on, {way_out}"])
    raise DataError(message, [problem.line for problem in problems])


def _may_skip(config: DataConfig, entries: Sequence[Entry], num_rows: int) -> bool:
    if config.on_bad_row == "skip_few":
        sources = entries[:num_rows], entries[num_rows:]
        return all(_are_few(rows, config.max_bad_share) for rows in sources)
    return config.on_bad_row == "skip"


def _are_few(entries: Sequence[Entry], max_share: float) -> bool:
    num_bad = sum(isinstance(entry, Problem) for entry in entries)
    return num_bad <= max_share * len(entries)


def _divide(
    config: DataConfig, rows: Sequence[MarkedRecord]
) -> tuple[tuple[PromptRecord, ...], tuple[PromptRecord, ...]]:
    num_marked = sum(row.mark == "heldout" for row in rows)
    if config.heldout_path and num_marked == 0:
        raise DataError(
            f"{config.heldout_path}: no usable row is left to hold out; put its rows right"
        )
    if num_marked and config.heldout != DataConfig.model_fields["heldout"].default:
        logger.warning(
            "data.heldout=%g has no effect: %d rows are marked as held out; data.use_marks=false ignores that",
            config.heldout,
            num_marked,
        )
    if _is_set(config, "max_heldout") and (num_marked or not 0 < config.heldout < 1):
        held_out = (
            f"{num_marked} rows are marked as held out"
            if num_marked
            else "data.heldout is no share"
        )
        raise ConfigError(
            f"data.max_heldout: bounds the share data.heldout alone, got {config.max_heldout} where {held_out}; remove "
            "data.max_heldout, or choose by a share with data.use_marks=false and data.heldout below 1"
        )
    chosen = choose_heldout(
        rows, heldout=config.heldout, max_heldout=config.max_heldout, seed=config.seed
    )
    records = _with_unique_ids([row.record for row in rows])
    train = tuple(record for index, record in enumerate(records) if index not in chosen)
    return train, tuple(records[index] for index in sorted(chosen))


def _with_unique_ids(records: Sequence[PromptRecord]) -> list[PromptRecord]:
    """Add the place to ids that several rows share, as where parts of a set count from 0 each."""
    times = Counter(record.id for record in records)
    return [
        record if times[record.id] == 1 else replace(record, id=f"{record.id} ({record.location})")
        for record in records
    ]


def _report(
    config: DataConfig,
    layout: ResolvedLayout,
    entries: Sequence[Entry],
    train: Sequence[PromptRecord],
    heldout: Sequence[PromptRecord],
) -> DataReport:
    records = [*train, *heldout]
    merged = [entry for entry in entries if isinstance(entry, MergedRow)]
    return DataReport(
        source=config.path,
        heldout_source=config.heldout_path,
        layout=layout.name,
        answer_column=layout.answer,
        beside=layout.beside,
        num_rows=len(entries),
        num_train=len(train),
        num_heldout=len(heldout),
        num_merged=sum(not row.is_repeated for row in merged),
        num_repeated=sum(row.is_repeated for row in merged),
        skipped=tuple(entry for entry in entries if isinstance(entry, Problem)),
        prompt_chars=measure_prompts(records),
        reference_chars=measure_references(records),
        num_several_references=sum(len(record.references) > 1 for record in records),
        num_rejected=sum(record.rejected is not None for record in records),
        columns=survey_columns(records),
    )
