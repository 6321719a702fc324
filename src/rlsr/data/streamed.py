"""What ``load_dataset`` would say of data, without holding their texts: some eighty bytes a row, and the report is the same."""

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data.checks import CountTokens, check_length, leaked, prompt_key, repeated
from rlsr.data.columns import type_name
from rlsr.data.dataset import ColumnFacts, DataReport, Lengths
from rlsr.data.layouts import ResolvedLayout
from rlsr.data.load import (
    check_settings,
    choose_by_settings,
    handle_problems,
    heldout_entries,
    open_source,
    warn_of_left_out,
)
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Entry, Mark, MarkedRecord, Problem

Held = TypeVar("Held")

_MARKS: tuple[Mark | None, ...] = (None, "train", "heldout")
_USED, _BAD, _FURTHER, _SAME = range(4)
"""What becomes of a row: a prompt, a problem, a further reference of an earlier row, nothing new."""

Columns = tuple[tuple[tuple[str, str | None], ...], tuple[str, ...]]
"""Further columns of a row with their types, None for null; and the names of those that are left out."""


@dataclass(frozen=True)
class CheckedData:
    """What was understood of data."""

    report: DataReport
    first: PromptRecord
    """The first training row."""


def check_data(
    config: DataConfig,
    *,
    count_tokens: CountTokens | None = None,
    max_prompt_tokens: int | None = None,
) -> CheckedData:
    """Read and check data as ``load_dataset`` does; the source is read again for the places of rows that repeat or leak others.

    Args:
        config: What to read and how; without ``remove_overlap``, which looks at texts again.
        count_tokens: As there.
        max_prompt_tokens: As there.

    Returns:
        Its report, and the first training row.

    Raises:
        ConfigError: If settings clash.
        DataError: As there, with the same words.
        MissingPackageError: If reading the source needs a package that is not installed.
    """
    assert not config.remove_overlap, "texts are not held"
    check_settings(config)
    rows, layout = open_source(config)
    facts = _Facts(config)
    for entry in _within(rows, count_tokens, max_prompt_tokens):
        facts.add(entry)
    num_rows = len(facts.fates)
    for entry in _within(heldout_entries(config), count_tokens, max_prompt_tokens):
        facts.add(entry)
    facts.settle()
    fates = np.array(facts.fates)
    sizes = [(len(part), int((part == _BAD).sum())) for part in np.split(fates, [num_rows])]
    handle_problems(config, facts.listed_problems(), (sizes[0], sizes[1]))
    used = np.flatnonzero(fates == _USED)
    warn_of_left_out(config, facts.left_out(used))
    marks = [_MARKS[mark] for mark in np.array(facts.marks)[used]]
    heldout = choose_by_settings(config, marks, _digests(facts.folded)[used].tobytes())
    is_heldout = np.isin(np.arange(len(used)), list(heldout))
    train, held = used[~is_heldout], used[is_heldout]
    return CheckedData(facts.report(layout, train, held), facts.record_of(int(train[0])))


def _within(
    entries: Iterable[Entry], count_tokens: CountTokens | None, budget: int | None
) -> Iterator[Entry]:
    for entry in entries:
        if budget is None:
            yield entry
        else:
            assert count_tokens is not None, "a budget needs a way to count"
            yield from check_length([entry], count_tokens=count_tokens, max_prompt_tokens=budget)


@dataclass
class _Facts:
    """A few numbers of every row, in file order."""

    config: DataConfig
    fates: "array[int]" = field(default_factory=lambda: array("B"))
    marks: "array[int]" = field(default_factory=lambda: array("B"))
    folded: bytearray = field(default_factory=bytearray)
    """Digests of 16 bytes a row, here and below: of the prompt, case and spacing aside."""
    exact: bytearray = field(default_factory=bytearray)
    """Of what rows share that are one prompt."""
    references: bytearray = field(default_factory=bytearray)
    rejected: bytearray = field(default_factory=bytearray)
    prompt_chars: "array[int]" = field(default_factory=lambda: array("I"))
    reference_chars: "array[int]" = field(default_factory=lambda: array("I"))
    columns: "array[int]" = field(default_factory=lambda: array("I"))
    """Places in ``kinds``: rows of a set have few different ones."""
    kinds: dict[Columns, int] = field(default_factory=dict)
    problems: dict[int, Problem] = field(default_factory=dict)
    first_rows: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    """Of each row, the first one of its prompt."""

    def add(self, entry: Entry) -> None:
        """Note what is needed of a row."""
        row = len(self.fates)
        # Bad rows take part in nothing, so that any digest will do.
        record, mark = None, 0
        kind: Columns = ((), ())
        if isinstance(entry, MarkedRecord):
            record, mark = entry.record, _MARKS.index(entry.mark)
            kind = _kind(record.columns), entry.left_out
        else:
            assert isinstance(entry, Problem), "nothing is merged yet"
            self.problems[row] = entry
        self.fates.append(_BAD if record is None else _USED)
        self.marks.append(mark)
        self.folded += prompt_key(record) if record else bytes(16)
        self.exact += self._exact(record) if record else bytes(16)
        self.references += _digest(record.reference) if record else bytes(16)
        self.rejected += _digest(record.rejected) if record and record.rejected else bytes(16)
        turns = record.messages if record else ()
        self.prompt_chars.append(sum(len(turn.content) for turn in turns))
        self.reference_chars.append(len(record.reference) if record else 0)
        self.columns.append(self.kinds.setdefault(kind, len(self.kinds)))

    def _exact(self, record: PromptRecord) -> bytes:
        texts = [text for turn in record.messages for text in (turn.role, turn.content)]
        if self.config.same_prompt == "merge" and record.rejected is not None:
            texts += [record.reference, record.rejected, "pair"]
        return _digest(*texts)

    def settle(self) -> None:
        """Find the rows that leak or repeat others."""
        wanted: dict[int, int] = {}
        fates, marks = np.array(self.fates), np.array(self.marks)
        folded, held = _digests(self.folded), (fates == _USED) & (marks == 2)
        if held.any():
            known, first = np.unique(folded[held], return_index=True)
            places = np.flatnonzero(held)[first]
            leaks = np.flatnonzero((fates == _USED) & (marks != 2) & np.isin(folded, known))
            found = places[np.searchsorted(known, folded[leaks])]
            wanted = dict(zip(leaks.tolist(), found.tolist(), strict=True))
            fates[leaks] = _BAD
        leaking = set(wanted)
        exact, references = _digests(self.exact), _digests(self.references)
        firsts = _first_of(exact, fates == _USED)
        later = np.flatnonzero((fates == _USED) & (firsts != np.arange(len(fates))))
        if self.config.same_prompt == "error":
            wanted |= {row: int(firsts[row]) for row in later.tolist()}
            fates[later] = _BAD
        elif self.config.same_prompt == "merge":
            pairs = np.array([exact, references]).T.copy().view("S32").ravel()
            is_new = _first_of(pairs, fates == _USED)[later] == later
            fates[later] = np.where(is_new, _FURTHER, _SAME)
            marks[firsts[later[marks[later] == 1]]] = 1
        self.fates, self.marks = array("B", fates.tobytes()), array("B", marks.tobytes())
        self.first_rows = firsts
        if wanted:
            locations = self._locations({*wanted, *wanted.values()})
            for row, earlier in wanted.items():
                self.problems[row] = (
                    leaked(locations[row], locations[earlier])
                    if row in leaking
                    else repeated(
                        locations[row],
                        locations[earlier],
                        same_reference=self._is_same(self.references, row, earlier),
                        same_rejected=self._is_same(self.rejected, row, earlier),
                    )
                )

    def _is_same(self, digests: bytearray, row: int, other: int) -> bool:
        return digests[16 * row : 16 * row + 16] == digests[16 * other : 16 * other + 16]

    def _again(self) -> Iterator[Entry]:
        yield from open_source(self.config)[0]
        yield from heldout_entries(self.config)

    def _locations(self, rows: set[int]) -> dict[int, str]:
        return {
            row: entry.record.location
            for row, entry in enumerate(self._again())
            if row in rows and isinstance(entry, MarkedRecord)
        }

    def listed_problems(self) -> list[Problem]:
        """All problems, in file order."""
        return [self.problems[row] for row in sorted(self.problems)]

    def left_out(self, used: np.ndarray) -> Mapping[str, int]:
        """Count the columns that JSON cannot hold."""
        return _counted(self.columns, used, {place: kind[1] for kind, place in self.kinds.items()})

    def record_of(self, first: int) -> PromptRecord:
        """Read a row again, with the further references of its prompt."""
        fates = np.array(self.fates)
        of_it = set(np.flatnonzero((fates == _FURTHER) & (self.first_rows == first)).tolist())
        last = max(of_it, default=first)
        record, others = None, []
        for row, entry in enumerate(self._again()):
            if row == first or row in of_it:
                assert isinstance(entry, MarkedRecord), "it was one before"
                record = record or entry.record
                others += [entry.record.reference] if row in of_it else []
            if row == last:
                break
        assert record is not None, "the row was there before"
        return replace(record, other_references=tuple(others))

    def report(self, layout: ResolvedLayout, train: np.ndarray, heldout: np.ndarray) -> DataReport:
        """Write what ``load_dataset`` reports."""
        fates, used = np.array(self.fates), np.concatenate([train, heldout])
        further = np.flatnonzero(fates == _FURTHER)
        measured = np.concatenate([used, further])
        return DataReport(
            source=self.config.path,
            heldout_source=self.config.heldout_path,
            layout=layout.name,
            answer_column=layout.answer,
            beside=layout.beside,
            num_rows=len(fates),
            num_train=len(train),
            num_heldout=len(heldout),
            num_merged=len(further),
            num_repeated=int((fates == _SAME).sum()),
            skipped=tuple(self.listed_problems()),
            prompt_chars=_lengths(np.array(self.prompt_chars)[used]),
            reference_chars=_lengths(np.array(self.reference_chars)[measured]),
            num_several_references=len(np.unique(self.first_rows[further])),
            num_rejected=int((_digests(self.rejected)[used] != b"").sum()),
            columns=self._survey(used),
        )

    def _survey(self, used: np.ndarray) -> tuple[ColumnFacts, ...]:
        filled = {place: kind[0] for kind, place in self.kinds.items()}
        counts = _counted(self.columns, used, filled)
        types: dict[str, Counter[str]] = defaultdict(Counter)
        for (name, kind), count in counts.items():
            types[name].update({} if kind is None else {kind: count})
        return tuple(
            ColumnFacts(name, tuple(kind for kind, _ in found.most_common()), found.total())
            for name, found in types.items()
        )


def _kind(columns: Mapping[str, object]) -> tuple[tuple[str, str | None], ...]:
    return tuple(
        (name, None if value is None else type_name(value)) for name, value in columns.items()
    )


def _counted(
    columns: "array[int]", used: np.ndarray, of_kind: Mapping[int, Iterable[Held]]
) -> dict[Held, int]:
    """Count what kinds of rows hold, in the order of the rows where each stands first."""
    kinds, first, counts = np.unique(np.array(columns)[used], return_index=True, return_counts=True)
    total: Counter[Held] = Counter()
    for place in np.argsort(first):
        total.update(dict.fromkeys(of_kind[int(kinds[place])], int(counts[place])))
    return dict(total)


def _first_of(digests: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Find for each row that counts the first one with its digest; the others stand for themselves."""
    rows = np.flatnonzero(counts)
    firsts = np.arange(len(digests))
    _, first, inverse = np.unique(digests[rows], return_index=True, return_inverse=True)
    firsts[rows] = rows[first][inverse]
    return firsts


def _digests(kept: bytearray) -> np.ndarray:
    return np.frombuffer(bytes(kept), dtype="S16")


def _digest(*texts: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    return digest.digest()


def _lengths(chars: np.ndarray) -> Lengths:
    return Lengths(int(chars.min()), float(np.median(chars)), int(chars.max()))
