"""Each text is translated once, in memory and on disk."""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from rlsr.rewards.translation import TranslationCache, Translator


class Shouting(Translator):
    """Translates into capitals, except what it is never able to; remembers what it was asked."""

    def __init__(self, identity: str = "one", lost: Sequence[str] = ()) -> None:
        self._identity = identity
        self.lost = set(lost)
        self.calls: list[list[str]] = []

    @property
    def identity(self) -> str:
        return self._identity

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        self.calls.append(list(texts))
        return [None if text in self.lost else f"{text.upper()} {self._identity}" for text in texts]


@pytest.fixture(params=["memory", "disk"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "new" / "cache"


def test_each_distinct_text_is_translated_once(directory: Path | None) -> None:
    translator = Shouting()
    cache = TranslationCache(translator, directory)
    for _ in range(2):
        assert cache.translate(["b", "a", "b"]) == ["B one", "A one", "B one"]
    assert cache.translate(["c", "a"]) == ["C one", "A one"]
    assert cache.translate([]) == []
    assert translator.calls == [["b", "a"], ["c"]]
    assert cache.num_translated == 3
    assert cache.identity == "one"


def test_what_could_not_be_translated_is_asked_again(directory: Path | None) -> None:
    translator = Shouting(lost=["a"])
    cache = TranslationCache(translator, directory)
    assert cache.translate(["a", "b"]) == [None, "B one"]
    translator.lost.clear()
    assert cache.translate(["a", "b"]) == ["A one", "B one"]
    assert translator.calls == [["a", "b"], ["a"]]


def test_another_run_finds_what_was_translated(tmp_path: Path) -> None:
    texts = ["a", "é 🙂", "\ud800 alone", ""]
    first = TranslationCache(Shouting(), tmp_path).translate(texts)
    translator = Shouting()
    assert TranslationCache(translator, tmp_path).translate(texts[::-1]) == first[::-1]
    assert translator.calls == []


def test_another_translator_finds_nothing(tmp_path: Path) -> None:
    TranslationCache(Shouting("one"), tmp_path).translate(["a"])
    assert TranslationCache(Shouting("two"), tmp_path).translate(["a"]) == ["A two"]


def test_memory_does_not_grow_for_ever(
    monkeypatch: pytest.MonkeyPatch, directory: Path | None
) -> None:
    monkeypatch.setattr("rlsr.rewards.translation._KEPT_TRANSLATIONS", 2)
    translator = Shouting()
    cache = TranslationCache(translator, directory)
    assert cache.translate(["a", "b", "c", "d"]) == [f"{name} one" for name in "ABCD"]
    assert cache.translate(["a", "d"]) == ["A one", "D one"]
    assert translator.calls == [["a", "b", "c", "d"], *([["a"]] if directory is None else [])]


def test_a_translation_that_is_no_text_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    TranslationCache(Shouting(), tmp_path).translate(["a", "b"])
    (file,) = tmp_path.iterdir()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE known SET value = ? WHERE key = ?", (b"\xff\xfe", hashlib.sha256(b"a").digest())
        )
    translator = Shouting()
    for _ in range(2):
        assert TranslationCache(translator, tmp_path).translate(["a", "b"]) == ["A one", "B one"]
    assert translator.calls == [["a"]]
    assert "1 of 2 translations are damaged and are made again" in caplog.records[0].getMessage()
