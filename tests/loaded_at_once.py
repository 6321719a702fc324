"""An oracle: data loaded as lists of rows in memory, each check a walk over all of them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from rlsr.config.data import DataConfig
from rlsr.data.checks import (
    CountTokens,
    check_length,
    leaked,
    merge_same_prompts,
    prompt_key,
    repeated,
)
from rlsr.data.columns import type_name
from rlsr.data.dataset import ColumnFacts, DataReport, Lengths
from rlsr.data.entries import check_settings, heldout_entries, open_source
from rlsr.data.layouts import ResolvedLayout
from rlsr.data.overlap import Passages, learnt
from rlsr.data.overlap_files import read_prompts
from rlsr.data.problems import handle_problems, warn_of_left_out
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Entry, MarkedRecord, MergedRow, Problem
from rlsr.data.split import choose_by_settings


@dataclass(frozen=True)
class LoadedAtOnce:
    train: tuple[PromptRecord, ...]
    heldout: tuple[PromptRecord, ...]
    report: DataReport


def load_at_once(
    config: DataConfig,
    *,
    count_tokens: CountTokens | None = None,
    max_prompt_tokens: int | None = None,
) -> LoadedAtOnce:
    check_settings(config)
    rows, layout = open_source(config)
    entries: list[Entry] = list(rows)
    num_rows = len(entries)
    entries += heldout_entries(config)
    if max_prompt_tokens is not None:
        assert count_tokens is not None
        entries = check_length(
            entries, count_tokens=count_tokens, max_prompt_tokens=max_prompt_tokens
        )
    entries = _settle_same_prompts(config, check_leaks(entries))
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    handle_problems(config, problems, (_size(entries[:num_rows]), _size(entries[num_rows:])))
    records = [entry for entry in entries if isinstance(entry, MarkedRecord)]
    warn_of_left_out(config, Counter(column for row in records for column in row.left_out))
    divided, heldout = _divide(config, records)
    prompts = [texts for path in config.remove_overlap for _, texts in read_prompts(path)]
    passages = Passages(prompts, config.overlap_words)
    train = tuple(record for record in divided if not passages.found_in(learnt(record)))
    report = _report(config, layout, entries, train, heldout)
    return LoadedAtOnce(train, heldout, replace(report, num_overlapping=len(divided) - len(train)))


def _settle_same_prompts(config: DataConfig, entries: list[Entry]) -> list[Entry]:
    if config.same_prompt == "merge":
        return merge_same_prompts(entries)
    return check_duplicates(entries) if config.same_prompt == "error" else entries


def check_leaks(entries: Sequence[Entry]) -> list[Entry]:
    """Refuse training rows whose prompt is held out too, be it with other case or spacing."""
    places: dict[Hashable, str] = {}
    for entry in entries:
        if isinstance(entry, MarkedRecord) and entry.mark == "heldout":
            places.setdefault(prompt_key(entry.record), entry.record.location)
    return [_check_record_leak(entry, places) for entry in entries] if places else list(entries)


def check_duplicates(entries: Sequence[Entry]) -> list[Entry]:
    """Refuse rows whose prompt stood before, with the same reference or with another."""
    first_records: dict[tuple[Message, ...], PromptRecord] = {}
    checked: list[Entry] = []
    for entry in entries:
        if isinstance(entry, MarkedRecord):
            first = first_records.setdefault(entry.record.messages, entry.record)
            checked.append(entry if first is entry.record else _repeated(entry.record, first))
        else:
            checked.append(entry)
    return checked


def _check_record_leak(entry: Entry, heldout_places: dict[Hashable, str]) -> Entry:
    if not isinstance(entry, MarkedRecord) or entry.mark == "heldout":
        return entry
    place = heldout_places.get(prompt_key(entry.record))
    if place is None:
        return entry
    return leaked(entry.record.location, place)


def _repeated(record: PromptRecord, first: PromptRecord) -> Problem:
    return repeated(
        record.location,
        first.location,
        same_reference=record.reference == first.reference,
        same_rejected=record.rejected == first.rejected,
    )


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


def survey_columns(records: Sequence[PromptRecord]) -> tuple[ColumnFacts, ...]:
    """List the further columns of records, and the types of what they hold."""
    types: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for name, value in record.columns.items():
            types[name].update([] if value is None else [type_name(value)])
    return tuple(
        ColumnFacts(name, tuple(kind for kind, _ in counts.most_common()), counts.total())
        for name, counts in types.items()
    )


def measure_prompts(records: Sequence[PromptRecord]) -> Lengths:
    """Measure the prompts of at least one record."""
    return _measure(
        [sum(len(message.content) for message in record.messages) for record in records]
    )


def measure_references(records: Sequence[PromptRecord]) -> Lengths:
    """Measure the references of at least one record."""
    return _measure([len(text) for record in records for text in record.references])


def _measure(lengths: list[int]) -> Lengths:
    return Lengths(min(lengths), float(median(lengths)), max(lengths))
