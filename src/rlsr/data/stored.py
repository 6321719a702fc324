"""Records in a file of this process, read again when they are asked for: some bytes of memory a record, however long its texts are."""

import json
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

import numpy as np

from rlsr.data.record import Message, PromptRecord
from rlsr.errors import DataError

_WRITTEN_AT_ONCE: Final = 1 << 16

_to_json: Final = json.JSONEncoder(ensure_ascii=False).encode
"""Made once: ``json.dumps`` would make an encoder for every record."""


class RecordFile:
    """Takes records and gives them back by number. Nobody else sees the file, and it is gone when the process ends."""

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(buffering=_WRITTEN_AT_ONCE)  # noqa: SIM115 - open as long as its records are wanted
        except OSError as error:
            raise _no_room(error) from error
        weakref.finalize(self, self._file.close)
        self._ends = array("Q", [0])
        self._num_references = array("I")
        self._is_written = True

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, record: PromptRecord | None) -> int:
        """Keep a record.

        Args:
            record: None keeps the number free.

        Returns:
            Its number; they count from 0.

        Raises:
            DataError: There is no room for it.
        """
        content = b"" if record is None else _as_bytes(record)
        try:
            self._file.write(content)
        except OSError as error:
            raise _no_room(error) from error
        self._is_written = False
        self._ends.append(self._ends[-1] + len(content))
        self._num_references.append(0 if record is None else len(record.references))
        return len(self) - 1

    def flush(self) -> None:
        """Write what is not in the file yet; a process that is forked would write it, too."""
        if self._is_written:
            return
        try:
            self._file.flush()
        except OSError as error:
            raise _no_room(error) from error
        self._is_written = True

    def num_references(self, numbers: np.ndarray) -> np.ndarray:
        """Count the references of records without reading them."""
        counts: np.ndarray = np.array(self._num_references)[numbers]
        return counts

    def read(self, number: int) -> PromptRecord:
        """Read a record again; safe in threads, and after ``flush`` in processes that were forked from this one."""
        self.flush()
        start, end = self._ends[number], self._ends[number + 1]
        assert start < end, "the number was kept free"
        return _from_bytes(os.pread(self._file.fileno(), end - start, start))


class StoredRecords(Sequence[PromptRecord]):
    """Some records of a file, in any order.

    Sent to another process, which has not the file, it is all of them.

    Args:
        file: Holds them.
        numbers: Which.
    """

    def __init__(self, file: RecordFile, numbers: np.ndarray) -> None:
        self._file = file
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> PromptRecord: ...

    @overload
    def __getitem__(self, place: slice) -> "StoredRecords": ...

    def __getitem__(self, place: int | slice) -> "PromptRecord | StoredRecords":
        if isinstance(place, slice):
            return StoredRecords(self._file, self._numbers[place])
        return self._file.read(int(self._numbers[place]))

    def __iter__(self) -> Iterator[PromptRecord]:
        for number in self._numbers:
            yield self._file.read(int(number))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)

    @property
    def num_references(self) -> np.ndarray:
        """Of each record."""
        return self._file.num_references(self._numbers)

    def at(self, places: np.ndarray) -> "StoredRecords":
        """Take the records of some places, or those where it says true."""
        return StoredRecords(self._file, self._numbers[places])


class Joined(Sequence[PromptRecord]):
    """Records behind each other, without a list of all of them.

    Args:
        *parts: In their order.
    """

    def __init__(self, *parts: Sequence[PromptRecord]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @overload
    def __getitem__(self, place: int) -> PromptRecord: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[PromptRecord, ...]: ...

    def __getitem__(self, place: int | slice) -> PromptRecord | tuple[PromptRecord, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(len(self))))
        if place < 0:
            place += len(self)
        for part in self._parts:
            if 0 <= place < len(part):
                return part[place]
            place -= len(part)
        raise IndexError("there are fewer records")

    @property
    def num_references(self) -> np.ndarray:
        """Of each record."""
        return np.concatenate([np.empty(0, int), *map(num_references, self._parts)])

    def __iter__(self) -> Iterator[PromptRecord]:
        for part in self._parts:
            yield from part


class EveryReference(Sequence[str]):
    """All references of records, one after another, none of them held.

    Args:
        records: Of whom.
    """

    def __init__(self, records: Sequence[PromptRecord]) -> None:
        self._records = records
        self._ends = np.cumsum(num_references(records))

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self.with_record(place)[1]

    def __iter__(self) -> Iterator[str]:
        for record in self._records:
            yield from record.references

    def with_record(self, place: int) -> tuple[PromptRecord, str]:
        """Read a reference, and the record that has it."""
        if not -len(self) <= place < len(self):
            raise IndexError("there are fewer references")
        place %= len(self)
        owner = int(np.searchsorted(self._ends, place, side="right"))
        record = self._records[owner]
        # Counted from the record's last one.
        return record, record.references[place - int(self._ends[owner])]


def num_references(records: Sequence[PromptRecord]) -> np.ndarray:
    """Count the references of each record, without reading those that are stored."""
    if isinstance(records, StoredRecords | Joined):
        return records.num_references
    return np.fromiter((len(record.references) for record in records), int, len(records))


def take(records: Sequence[PromptRecord], places: np.ndarray) -> Sequence[PromptRecord]:
    """Take some of the records, without reading those that are stored.

    Args:
        records: Any.
        places: Of those that are wanted, in their order.
    """
    if isinstance(records, StoredRecords):
        return records.at(places)
    return tuple(records[place] for place in places.tolist())


def _as_bytes(record: PromptRecord) -> bytes:
    values = (
        record.id,
        [(turn.role, turn.content) for turn in record.messages],
        record.reference,
        record.location,
        record.category,
        record.rejected,
        record.other_references,
        record.columns,
    )
    # Texts may hold halves of characters, which JSON files can spell.
    return _to_json(values).encode("utf-8", "surrogatepass")


def _from_bytes(content: bytes) -> PromptRecord:
    values: Any = json.loads(content.decode("utf-8", "surrogatepass"))
    identity, turns, reference, location, category, rejected, others, columns = values
    messages = tuple(Message(*turn) for turn in turns)
    return PromptRecord(
        identity, messages, reference, location, category, rejected, tuple(others), columns
    )


def _no_room(error: OSError) -> DataError:
    return DataError(
        f"{tempfile.gettempdir()}: the rows cannot be kept there while the program runs: {error.strerror or error}; they take as much "
        "room as their texts: make some, or name another directory with TMPDIR"
    )
