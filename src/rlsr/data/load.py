"""From the config to a checked and split dataset."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from rlsr.config.data import DataConfig
from rlsr.data.checks import (
    CountTokens,
    check_duplicates,
    check_leaks,
    check_length,
    merge_same_prompts,
    prompt_key,
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
from rlsr.data.overlap_files import without_overlap
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Entry, Mark, MarkedRecord, MergedRow, Problem, count_kinds, show
from rlsr.data.sources import read_rows, source_kind
from rlsr.data.split import choose_places
from rlsr.errors import ConfigError, DataError

logger = logging.getLogger(__name__)
_NUM_SHOWN_PROBLEMS = 20

Sources = tuple[tuple[int, int], tuple[int, int]]
"""Rows and bad rows, of ``data.path`` and of ``data.heldout_path``."""


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
    check_settings(config)
    entries, num_rows, layout = _read_entries(config)
    if max_prompt_tokens is not None:
        assert count_tokens is not None, "a budget needs a way to count"
        entries = check_length(
            entries, count_tokens=count_tokens, max_prompt_tokens=max_prompt_tokens
        )
    entries = _settle_same_prompts(config, check_leaks(entries))
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    handle_problems(config, problems, (_size(entries[:num_rows]), _size(entries[num_rows:])))
    records = [entry for entry in entries if isinstance(entry, MarkedRecord)]
    warn_of_left_out(config, Counter(column for row in records for column in row.left_out))
    divided, heldout = _divide(config, records)
    train, num_overlapping = without_overlap(config, divided)
    report = _report(config, layout, entries, train, heldout)
    return Dataset(train, heldout, replace(report, num_overlapping=num_overlapping))


def check_settings(config: DataConfig) -> None:
    """Refuse settings that clash."""
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
    rows, layout = open_source(config)
    entries = list(rows)
    num_rows = len(entries)
    entries += heldout_entries(config)
    return entries, num_rows, layout


def open_source(config: DataConfig) -> tuple[Iterator[Entry], ResolvedLayout]:
    """Open ``data.path``; its rows are read as they are asked for."""
    entries, layout = _open_source(config, config.path, config.limit)
    return (entries if config.use_marks else map(_without_mark, entries)), layout


def heldout_entries(config: DataConfig) -> Iterator[Entry]:
    """Read the rows of ``data.heldout_path``, where there is one."""
    if config.heldout_path:
        yield from map(_mark_heldout, _open_source(config, config.heldout_path, None)[0])


def _open_source(
    config: DataConfig, path: str, limit: int | None
) -> tuple[Iterator[Entry], ResolvedLayout]:
    rows = islice(read_rows(path, split=config.split), limit)
    first_rows = rows_to_detect(rows)
    layout = resolve_layout(first_rows, layout=config.layout, columns=config.columns, source=path)
    # One after another: all raw rows beside all records would be twice the memory.
    entries = (
        row if isinstance(row, Problem) else to_entry(row, layout)
        for row in chain(first_rows, rows)
    )
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


def warn_of_left_out(config: DataConfig, counts: Mapping[str, int]) -> None:
    """Name further columns that rewards will not see, and in how many rows."""
    if counts:
        logger.warning(
            "%s: further columns are left out where JSON cannot hold their values: %s; store them as text to use them",
            config.path,
            ", ".join(f"{show(column)} in {count} rows" for column, count in counts.items()),
        )


def handle_problems(config: DataConfig, problems: Sequence[Problem], sizes: Sources) -> None:
    """Stop at bad rows, or say that they are skipped.

    Args:
        config: What is done with them.
        problems: All of them, in file order.
        sizes: Of each source, its rows and how many of them are bad.

    Raises:
        DataError: They are not to be skipped, or no row is left.
    """
    if not problems:
        return
    num_rows = sum(rows for rows, _ in sizes)
    summary = f"{len(problems)} of {num_rows} rows cannot be used: {count_kinds(problems)}"
    if len(problems) < num_rows and _may_skip(config, sizes):
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
    if len(problems) == num_rows:
        summary = f"no usable row is left: {summary}"
        way_out = "put them right, or set data.path or data.layout to what is meant"
    elif config.on_bad_row == "skip_few":
        way_out = f"{way_out} (up to {100 * config.max_bad_share:g} % are left out without it, data.max_bad_share)"
    message = "\n".join([f"{config.path}: {summary}", *shown, f"To go on, {way_out}"])
    raise DataError(message, [problem.line for problem in problems])


def _may_skip(config: DataConfig, sizes: Sources) -> bool:
    if config.on_bad_row == "skip_few":
        return all(bad <= config.max_bad_share * rows for rows, bad in sizes)
    return config.on_bad_row == "skip"


def _size(entries: Sequence[Entry]) -> tuple[int, int]:
    return len(entries), sum(isinstance(entry, Problem) for entry in entries)


def _divide(
    config: DataConfig, rows: Sequence[MarkedRecord]
) -> tuple[tuple[PromptRecord, ...], tuple[PromptRecord, ...]]:
    marks = [row.mark for row in rows]
    chosen = choose_by_settings(config, marks, b"".join(prompt_key(row.record) for row in rows))
    records = _with_unique_ids([row.record for row in rows])
    train = tuple(record for index, record in enumerate(records) if index not in chosen)
    return train, tuple(records[index] for index in sorted(chosen))


def choose_by_settings(
    config: DataConfig, marks: Sequence[Mark | None], keys: bytes
) -> frozenset[int]:
    """Choose the held-out rows, and say where settings have no effect or cannot be met.

    Args:
        config: How many.
        marks: Of the usable rows.
        keys: Of each 16 bytes, which rows share that must stay together.

    Returns:
        Their places among the usable rows.
    """
    num_marked = sum(mark == "heldout" for mark in marks)
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
    return choose_places(
        marks, keys, heldout=config.heldout, max_heldout=config.max_heldout, seed=config.seed
    )


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
