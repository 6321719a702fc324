"""Records come back from their file as they were."""

import errno
import json
import os
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.data.record import Message, PromptRecord
from rlsr.data.stored import EveryReference, Joined, RecordFile, StoredRecords, take
from rlsr.errors import DataError

texts = st.text(st.characters())
"""Halves of surrogate pairs included."""
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.builds(
    PromptRecord,
    id=texts,
    messages=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), texts), min_size=1, max_size=3
    ).map(tuple),
    reference=texts,
    location=texts,
    category=st.none() | texts,
    rejected=st.none() | texts,
    other_references=st.lists(texts, max_size=2).map(tuple),
    columns=st.dictionaries(texts, values, max_size=3),
)  # fmt: skip


def stored(some: list[PromptRecord]) -> StoredRecords:
    file = RecordFile()
    return StoredRecords(file, np.array([file.add(record) for record in some], dtype=int))


def numbered(count: int) -> list[PromptRecord]:
    return [
        PromptRecord(str(n), (Message("user", f"Q{n}"),), f"A{n}", f"f:{n}", other_references=("B",) * (n % 3))
        for n in range(count)
    ]  # fmt: skip


@given(st.lists(records, max_size=6), st.data())
def test_stored_records_are_a_sequence_of_what_was_put_in(
    some: list[PromptRecord], data: st.DataObject
) -> None:
    found = stored(some)
    assert list(found) == some
    assert [found[place] for place in range(-len(some), len(some))] == some * 2
    cut = data.draw(st.slices(len(some)))
    assert list(found[cut]) == some[cut]
    places = np.array(data.draw(st.lists(st.integers(0, 5).filter(lambda n: n < len(some)))), int) if some else np.array([], int)  # fmt: skip
    assert list(take(found, places)) == [some[place] for place in places]
    assert take(some, places) == tuple(some[place] for place in places)
    assert pickle.loads(pickle.dumps(found)) == tuple(some)


@given(st.lists(st.integers(0, 4), max_size=4), st.integers(-12, 12))
def test_joined_records_and_their_references_are_those_of_a_list(
    sizes: list[int], place: int
) -> None:
    every = numbered(sum(sizes))
    starts = np.cumsum([0, *sizes]).tolist()
    joined = Joined(*(stored(every[start:end]) for start, end in pairwise(starts)))  # fmt: skip
    assert list(joined) == every
    assert len(joined) == len(every)
    assert joined[1:3] == tuple(every[1:3])
    texts = [text for record in every for text in record.references]
    references = EveryReference(joined)
    assert list(references) == texts
    assert references[:] == texts
    for whole, plain in ((joined, every), (references, texts)):
        try:
            expected: Any = plain[place]
        except IndexError:
            with pytest.raises(IndexError):
                whole[place]
        else:
            assert whole[place] == expected


def test_records_are_added_and_read_in_turns_and_by_threads() -> None:
    some, file = numbered(300), RecordFile()
    for number, record in enumerate(some):
        assert file.add(record) == number
        assert file.read(number // 2) == some[number // 2]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(file.read, range(300))) == some


def test_a_process_that_is_forked_reads_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"Q{n}", "response": f"A{n}"} for n in range(20)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    train = load_dataset(DataConfig(path=str(file), heldout=0)).train
    child = os.fork()
    if child == 0:
        os._exit([record.reference for record in train] != [row["response"] for row in rows])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [record.prompt for record in train] == [row["prompt"] for row in rows]


def test_no_room_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/full")
    with pytest.raises(DataError) as caught:
        RecordFile()
    assert str(caught.value) == (
        "/full: the rows cannot be kept there while the program runs: No space left on device; they take as much room as their texts: "
        "make some, or name another directory with TMPDIR"
    )


NUM_ROWS, LENGTH = 4000, 3000
MOST_BYTES_A_ROW = 700
"""Of 6,000 that its texts have."""


def test_loaded_rows_take_memory_by_the_row_and_not_by_the_text(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for number in range(NUM_ROWS):
            row = {"prompt": f"{number} " + "p" * LENGTH, "response": "r" * LENGTH}
            lines.write(json.dumps(row) + "\n")
    load_dataset(DataConfig(path=str(file), limit=2))  # what is imported and made once
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        dataset = load_dataset(DataConfig(path=str(file), heldout=1))
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(dataset.train) == NUM_ROWS - 1
    assert dataset.train[7].reference == "r" * LENGTH
    assert (peak - before) / NUM_ROWS < MOST_BYTES_A_ROW
    assert (left - before) / NUM_ROWS < 300
