"""References are encoded once, in memory and on disk."""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.embeddings import Encoding, ReferenceCache
from rlsr.embeddings.cache import RecentValues
from rlsr.embeddings.protocol import unit_rows


class CountingEmbedder:
    """Irrational vectors, so that lost bits show; remembers what it was asked."""

    def __init__(self, identity: str = "one") -> None:
        self.identity = identity
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Encoding:
        if texts:
            self.calls.append(list(texts))
        rows = [[len(text) ** 0.5, sum(map(ord, text)) ** (1 / 3), -np.pi] for text in texts]
        return Encoding(
            vectors=unit_rows(np.array(rows, dtype=np.float32).reshape(len(texts), 3)),
            truncated=np.array([len(text) > 3 for text in texts], dtype=np.bool_),
        )


TEXTS = ["a", "bb", "a", "long one", "", "bb"]
DISTINCT = ["a", "bb", "long one", ""]


def assert_same(found: Encoding, expected: Encoding) -> None:
    assert found.vectors.dtype == np.float32
    assert found.vectors.tobytes() == expected.vectors.tobytes()
    assert found.vectors.shape == expected.vectors.shape
    assert found.truncated.tolist() == expected.truncated.tolist()


@pytest.fixture(params=["memory", "disk"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "new" / "cache"


def test_each_distinct_text_is_encoded_once(directory: Path | None) -> None:
    embedder = CountingEmbedder()
    cache = ReferenceCache(embedder, directory)
    for _ in range(3):
        assert_same(cache.encode(TEXTS), CountingEmbedder().encode(TEXTS))
    assert embedder.calls == [DISTINCT]
    assert_same(cache.encode(["new", "a"]), CountingEmbedder().encode(["new", "a"]))
    assert embedder.calls == [DISTINCT, ["new"]]
    assert cache.num_encoded == 5


def test_no_texts_are_an_empty_encoding_of_the_right_width(directory: Path | None) -> None:
    cache = ReferenceCache(CountingEmbedder(), directory)
    found = cache.encode([])
    assert found.vectors.shape == (0, 3)
    assert found.truncated.shape == (0,)
    assert cache.num_encoded == 0


def test_another_instance_finds_the_vectors_on_disk_bit_for_bit(tmp_path: Path) -> None:
    fresh = ReferenceCache(CountingEmbedder(), tmp_path).encode(TEXTS)
    embedder = CountingEmbedder()
    cache = ReferenceCache(embedder, tmp_path)
    assert_same(cache.encode(TEXTS), fresh)
    assert embedder.calls == []
    assert cache.num_encoded == 0
    cache.encode([*TEXTS, "new"])
    assert embedder.calls == [["new"]]


def test_in_memory_nothing_outlives_the_instance(tmp_path: Path) -> None:
    ReferenceCache(CountingEmbedder(), None).encode(TEXTS)
    embedder = CountingEmbedder()
    ReferenceCache(embedder, None).encode(TEXTS)
    assert embedder.calls == [DISTINCT]
    assert list(tmp_path.iterdir()) == []


def test_another_encoder_has_a_file_of_its_own(tmp_path: Path) -> None:
    ReferenceCache(CountingEmbedder("one"), tmp_path).encode(TEXTS)
    other = CountingEmbedder("two")
    ReferenceCache(other, tmp_path).encode(TEXTS)
    assert other.calls == [DISTINCT]
    assert len(list(tmp_path.iterdir())) == 2
    assert {file.suffix for file in tmp_path.iterdir()} == {".sqlite"}


def test_two_caches_on_one_file_share_what_either_has_written(tmp_path: Path) -> None:
    first, second = CountingEmbedder(), CountingEmbedder()
    one, two = ReferenceCache(first, tmp_path), ReferenceCache(second, tmp_path)
    one.encode(["a", "b"])
    assert_same(two.encode(["b", "c"]), CountingEmbedder().encode(["b", "c"]))
    assert_same(one.encode(["c", "a"]), CountingEmbedder().encode(["c", "a"]))
    assert (first.calls, second.calls) == ([["a", "b"]], [["c"]])


def test_writing_at_once_breaks_nothing(tmp_path: Path) -> None:
    def encode(offset: int) -> Encoding:
        cache = ReferenceCache(CountingEmbedder(), tmp_path)
        for start in range(offset, offset + 20):
            cache.encode([f"text {number}" for number in range(start, start + 5)])
        return cache.encode(texts)

    texts = [f"text {number}" for number in range(30)]
    expected = CountingEmbedder().encode(texts)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(encode, range(0, 8, 2)):
            assert_same(found, expected)
    embedder = CountingEmbedder()
    assert_same(ReferenceCache(embedder, tmp_path).encode(texts), expected)
    assert embedder.calls == []


def test_a_write_waits_for_another_connection_that_holds_the_file(tmp_path: Path) -> None:
    cache = ReferenceCache(CountingEmbedder(), tmp_path)
    (file,) = tmp_path.iterdir()
    with closing(sqlite3.connect(file, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(cache.encode, ["a"])
            time.sleep(0.2)
            assert not waiting.done()
            other.commit()
            assert_same(waiting.result(timeout=30), CountingEmbedder().encode(["a"]))


def test_texts_that_differ_in_one_character_or_its_form_are_different(tmp_path: Path) -> None:
    texts = ["\u00e9", "e\u0301", "e", "\ud800", "\udfff", "a\x00", "a"]
    ReferenceCache(CountingEmbedder(), tmp_path).encode(texts)
    embedder = CountingEmbedder()
    found = ReferenceCache(embedder, tmp_path).encode(texts)
    assert embedder.calls == []
    assert_same(found, CountingEmbedder().encode(texts))


def test_what_the_caller_does_to_an_encoding_does_not_reach_the_cache(
    directory: Path | None,
) -> None:
    cache = ReferenceCache(CountingEmbedder(), directory)
    found = cache.encode(["a", "bb"])
    found.vectors[:] = 0
    found.truncated[:] = True
    assert_same(cache.encode(["a", "bb"]), CountingEmbedder().encode(["a", "bb"]))


def value_of(vector: list[float], flag: int = 0) -> bytes:
    return np.array(vector, dtype=np.float32).tobytes() + bytes([flag])


@pytest.mark.parametrize(
    "value",
    [
        value_of([np.nan, 0.0, 0.0]),
        value_of([np.inf, 0.0, 0.0]),
        value_of([0.5, 0.5, 0.5]),
        value_of([3e38, 3e38, 3e38]),
        value_of([1.0, 0.0]),
        value_of([1.0, 0.0, 0.0, 0.0]),
        value_of([1.0, 0.0, 0.0], flag=7),
        value_of([1.0, 0.0, 0.0])[:-2],
        b"",
    ],
)
def test_a_vector_that_no_encoder_has_given_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: bytes
) -> None:
    ReferenceCache(CountingEmbedder(), tmp_path).encode(TEXTS)
    (file,) = tmp_path.iterdir()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE known SET value = ? WHERE key = ?", (value, hashlib.sha256(b"bb").digest())
        )
    embedder = CountingEmbedder()
    assert_same(ReferenceCache(embedder, tmp_path).encode(TEXTS), CountingEmbedder().encode(TEXTS))
    assert embedder.calls == [["bb"]]
    (record,) = caplog.records
    assert f"{file}: 1 of 4 vectors are damaged and are made again" in record.getMessage()
    again = CountingEmbedder()
    assert_same(ReferenceCache(again, tmp_path).encode(TEXTS), CountingEmbedder().encode(TEXTS))
    assert again.calls == [], "it has taken the place of the damaged one"


class LosingEmbedder(CountingEmbedder):
    """Gives no numbers for one text."""

    def encode(self, texts: Sequence[str]) -> Encoding:
        found = super().encode(texts)
        found.vectors[[text == "bb" for text in texts]] = np.nan
        return found


def test_what_is_not_finite_is_not_kept_for_other_runs(tmp_path: Path) -> None:
    found = ReferenceCache(LosingEmbedder(), tmp_path).encode(["a", "bb"])
    assert np.isnan(found.vectors[1]).all()
    better = CountingEmbedder()
    found = ReferenceCache(better, tmp_path).encode(["a", "bb"])
    assert better.calls == [["bb"]]
    assert np.isfinite(found.vectors).all()


def test_memory_is_bounded_and_the_file_has_the_rest(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(50)]
    expected = CountingEmbedder().encode(texts)
    size = len(value_of([0.0, 0.0, 0.0]))
    embedder = CountingEmbedder()
    cache = ReferenceCache(embedder, tmp_path, most_bytes=10 * size)
    for _ in range(2):
        assert_same(cache.encode(texts), expected)
    assert embedder.calls == [texts], "what memory has no room for is read again"
    without_file = CountingEmbedder()
    cache = ReferenceCache(without_file, None, most_bytes=10 * size)
    for _ in range(2):
        assert_same(cache.encode(texts), expected)
    assert without_file.calls == [texts, texts[:40]], "the last ones are still there"


calls = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from("abcdefgh"), max_size=5)), max_size=30
)


@given(calls, st.integers(0, 20))
def test_the_values_that_were_asked_for_last_are_held(
    asked: list[tuple[bool, list[str]]], most: int
) -> None:
    recent, newest = RecentValues(most), dict[str, bytes]()
    """By text, the newest last."""
    for keeps, texts in asked:
        if keeps:
            values = {text: bytes(ord(text) % 4 + 1) for text in texts}
            recent.keep(values)
            newest |= {text: value for text, value in values.items() if text in newest}
            for text, value in values.items():
                newest.setdefault(text, value)
        else:
            found = recent.read(texts)
            assert found == {text: newest[text] for text in texts if text in newest}
            for text in filter(newest.__contains__, texts):
                newest[text] = newest.pop(text)
        while sum(map(len, newest.values())) > most:
            del newest[next(iter(newest))]
    assert recent.read("abcdefgh") == newest
