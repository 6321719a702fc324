"""What checks and the split look at, of every row a few numbers and digests: some hundred bytes, however long its texts are."""

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data.checks import leaked, prompt_key, repeated
from rlsr.data.columns import type_name
from rlsr.data.dataset import ColumnFacts, DataReport, Lengths
from rlsr.data.layouts import ResolvedLayout
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Entry, Mark, MarkedRecord, Problem

Held = TypeVar("Held")

_MARKS: tuple[Mark | None, ...] = (None, "train", "heldout")
_NOTHING = PromptRecord("", (), "", "")
_USED, _BAD, _FURTHER, _SAME = range(4)
"""What becomes of a row: a prompt, a problem, a further reference of an earlier row, nothing new."""

Columns = tuple[tuple[tuple[str, str | None], ...], tuple[str, ...]]
"""Further columns of a row with their types, None for null; and the names of those that are left out."""


@dataclass
class RowFacts:
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
    ids: bytearray = field(default_factory=bytearray)
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
        if isinstance(entry, MarkedRecord):
            self._add(_USED, _MARKS.index(entry.mark), entry.record)
            kind: Columns = (_kind(entry.record.columns), entry.left_out)
        else:
            assert isinstance(entry, Problem), "nothing is merged yet"
            self.problems[len(self.fates)] = entry
            # Bad rows take part in nothing, so that any record will do.
            self._add(_BAD, 0, _NOTHING)
            kind = ((), ())
        self.columns.append(self.kinds.setdefault(kind, len(self.kinds)))

    def _add(self, fate: int, mark: int, record: PromptRecord) -> None:
        self.fates.append(fate)
        self.marks.append(mark)
        self.folded += prompt_key(record)
        self.exact += self._exact(record)
        self.references += _digest(record.reference)
        self.rejected += _digest(record.rejected) if record.rejected else bytes(16)
        self.ids += _digest(record.id)
        self.prompt_chars.append(sum(len(turn.content) for turn in record.messages))
        self.reference_chars.append(len(record.reference))

    def _exact(self, record: PromptRecord) -> bytes:
        texts = [text for turn in record.messages for text in (turn.role, turn.content)]
        if self.config.same_prompt == "merge" and record.rejected is not None:
            texts += [record.reference, record.rejected, "pair"]
        return _digest(*texts)

    def settle(self, locations_of: Callable[[set[int]], Mapping[int, str]]) -> None:
        """Find the rows that leak or repeat others.

        Args:
            locations_of: From rows to where they stand.
        """
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
            locations = locations_of({*wanted, *wanted.values()})
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

    def listed_problems(self) -> list[Problem]:
        """All problems, in file order."""
        return [self.problems[row] for row in sorted(self.problems)]

    def left_out(self, used: np.ndarray) -> Mapping[str, int]:
        """Count the columns that JSON cannot hold."""
        return _counted(self.columns, used, {place: kind[1] for kind, place in self.kinds.items()})

    def further_references(self) -> dict[int, list[int]]:
        """List the rows whose answers are further references of an earlier row, by that row, all in file order."""
        found: dict[int, list[int]] = {}
        for row in np.flatnonzero(np.array(self.fates) == _FURTHER).tolist():
            found.setdefault(int(self.first_rows[row]), []).append(row)
        return found

    def sharing_ids(self, used: np.ndarray) -> list[int]:
        """List the rows whose id others of them have, too."""
        _, inverse, counts = np.unique(
            _digests(self.ids)[used], return_inverse=True, return_counts=True
        )
        found: list[int] = used[counts[inverse] > 1].tolist()
        return found

    @property
    def used(self) -> np.ndarray:
        """The rows that are prompts."""
        return np.flatnonzero(np.array(self.fates) == _USED)

    def sizes(self, num_rows: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Count rows and bad rows, of the first source, which has so many, and of the other one."""
        first, other = np.split(np.array(self.fates) == _BAD, [num_rows])
        return (len(first), int(first.sum())), (len(other), int(other.sum()))

    def marks_of(self, rows: np.ndarray) -> list[Mark | None]:
        """Say what rows ask of the split."""
        return [_MARKS[mark] for mark in np.array(self.marks)[rows]]

    def keys_of(self, rows: np.ndarray) -> np.ndarray:
        """Give the ``prompt_key`` of rows, 16 bytes each."""
        keys: np.ndarray = _digests(self.folded)[rows]
        return keys

    def report(
        self,
        layout: ResolvedLayout,
        train: np.ndarray,
        heldout: np.ndarray,
        *,
        num_overlapping: int = 0,
    ) -> DataReport:
        """Write down what was understood.

        Args:
            layout: Of ``data.path``.
            train: Rows that are trained on, in file order.
            heldout: Rows that are held out, in file order.
            num_overlapping: Further rows that are left out.
        """
        fates, used = np.array(self.fates), np.concatenate([train, heldout])
        further = np.flatnonzero(fates == _FURTHER)
        firsts = self.first_rows[further]
        is_there = np.isin(firsts, used)
        measured = np.concatenate([used, further[is_there]])
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
            num_several_references=len(np.unique(firsts[is_there])),
            num_rejected=int((_digests(self.rejected)[used] != b"").sum()),
            columns=self._survey(used),
            num_overlapping=num_overlapping,
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
    return np.frombuffer(kept, dtype="S16")


def _digest(*texts: str) -> bytes:
    written = "".join([f"{len(text)}:{text}" for text in texts])
    return hashlib.blake2b(written.encode(), digest_size=16).digest()


def _lengths(chars: np.ndarray) -> Lengths:
    return Lengths(int(chars.min()), float(np.median(chars)), int(chars.max()))
