"""Values that are found again by their text, across runs and identities."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.runs import keyed_file
from rlsr.runs.keyed_file import KeyedFile

ANY_TEXT = st.text(st.characters(), max_size=5)


@given(st.dictionaries(ANY_TEXT, st.binary(max_size=5), max_size=6), st.lists(ANY_TEXT, max_size=6))
def test_what_was_written_is_read_by_another_object(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, bytes], others: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("known")
    KeyedFile(directory, "encoder").write(values)
    again = KeyedFile(directory, "encoder")
    assert again.read([*values, *others]) == values
    assert KeyedFile(directory, "another").read(values) == {}


def test_what_is_known_stays(tmp_path: Path) -> None:
    file = KeyedFile(tmp_path / "made" / "for it", "encoder")
    file.write({"a": b"1"})
    file.write({"a": b"2", "b": b"3"})
    assert file.read(["b", "a", "\ud800"]) == {"a": b"1", "b": b"3"}


def kept(tmp_path: Path) -> Path:
    file = KeyedFile(tmp_path, "encoder")
    file.write({str(number): bytes(300) for number in range(100)})
    return file.path


def other_table(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE known (something TEXT)")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"this is text and no database" * 99),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "overwritten": lambda path: path.write_bytes(path.read_bytes()[:4096] + b"x" * 40_000),
    "another table": other_table,
    "a journal beside it": lambda path: (
        path.write_bytes(b"this is text and no database" * 99),
        path.with_name(f"{path.name}-journal").write_bytes(b"old"),
    ),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("when", ["before it is opened", "while it is open"])
def test_a_damaged_file_is_put_aside_and_begun_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str, when: str
) -> None:
    path = kept(tmp_path)
    file = KeyedFile(tmp_path, "encoder")
    DAMAGES[how](path)
    damaged = path.read_bytes()
    if when == "before it is opened":
        file = KeyedFile(tmp_path, "encoder")
    assert set(file.read([*map(str, range(100)), "new"])) <= set(map(str, range(100)))
    file.write({"new": b"1", "99": b"2"})
    assert file.read(["new"]) == {"new": b"1"}
    assert KeyedFile(tmp_path, "encoder").read(["new"]) == {"new": b"1"}
    (record,) = caplog.records
    assert f"{path}: damaged (" in record.getMessage()
    assert "made again" in record.getMessage()
    assert path.with_suffix(".damaged").read_bytes() == damaged


def test_an_emptied_file_is_begun_again(tmp_path: Path) -> None:
    kept(tmp_path).write_bytes(b"")
    file = KeyedFile(tmp_path, "encoder")
    assert file.read(["1"]) == {}
    file.write({"1": b"1"})
    assert file.read(["1"]) == {"1": b"1"}


def test_a_file_that_cannot_be_written_is_read_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(tmp_path)
    monkeypatch.setattr(
        KeyedFile, "_connect", lambda file: sqlite3.connect(f"file:{file.path}?mode=ro", uri=True)
    )
    file = KeyedFile(tmp_path, "encoder")
    assert file.read(["1"]) == {"1": bytes(300)}
    file.write({"new": b"1"})
    file.write({"newer": b"1"})
    assert file.read(["1", "new"]) == {}
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{path}: cannot be used, and this session keeps nothing there: attempt to write a readonly database"
    )


def test_a_place_that_is_no_directory_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    file = KeyedFile(tmp_path / "file", "encoder")
    file.write({"a": b"1"})
    assert file.read(["a"]) == {}
    assert len(caplog.records) == 1
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_file_that_another_process_never_lets_go_of_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KeyedFile(tmp_path, "encoder")
    monkeypatch.setattr(keyed_file, "PATIENCE_S", 0.05)
    with closing(sqlite3.connect(file.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        file.write({"a": b"1"})
        assert file.read(["a"]) == {}
    assert "database is locked" in caplog.records[0].getMessage()


def test_what_is_forgotten_can_be_written_again(tmp_path: Path) -> None:
    file = KeyedFile(tmp_path, "encoder")
    file.write({"a": b"1", "b": b"2"})
    file.forget(["a"])
    file.write({"a": b"3", "b": b"4"})
    assert file.read(["a", "b"]) == {"a": b"3", "b": b"2"}
