"""Values that are found again by their text, across runs and identities."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
