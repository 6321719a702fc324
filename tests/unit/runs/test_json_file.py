"""Our own JSON files."""

import io
import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.runs.json_file import append_json_line, read_json, write_json

numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none())
values = st.recursive(
    st.one_of(numbers, st.text(), st.booleans()),
    lambda inside: st.one_of(
        st.lists(inside, max_size=4), st.lists(numbers, max_size=6), st.dictionaries(st.text(), inside, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(), values, max_size=4))
def test_it_reads_back_what_it_wrote(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    write_json(file, content)
    assert read_json(file) == content


def test_a_list_of_numbers_stands_in_one_line_and_nothing_else_is_moved(tmp_path: Path) -> None:
    content = {
        "scores": [[0.5, None, -1e-07], [1, 2, 3e20]],
        "words": ["[\n 1,\n 2\n]", "a"],
        "mixed": [1, "a"],
        "none": [],
    }
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "[0.5, null, -1e-07],\n" in text
    assert "[1, 2, 3e+20]\n" in text
    rest = {name: content[name] for name in ("words", "mixed", "none")}
    write_json(tmp_path / "b.json", rest)
    assert (tmp_path / "b.json").read_text(encoding="utf-8") == json.dumps(rest, indent=2) + "\n"


def test_a_line_is_added_without_reading_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"step": 1}\n' * 100_000)
    asked: list[int] = []
    opened = Path.open

    class Counted(io.BufferedRandom):
        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            asked.append(len(content))
            return content

    def counted(path: Path, mode: str) -> io.BufferedRandom:
        return Counted(cast(io.FileIO, opened(path, mode, buffering=0)))

    monkeypatch.setattr(Path, "open", counted)
    append_json_line(file, {"step": 2})
    monkeypatch.undo()
    assert file.read_bytes().endswith(b'{"step": 1}\n{"step": 2}\n')
    assert sum(asked) <= 1
