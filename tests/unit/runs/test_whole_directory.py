"""A directory is seen whole or not at all, also while it is replaced."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from rlsr.runs.whole_directory import write_directory


def fill(content: str) -> Any:
    def write(directory: Path) -> None:
        for name in "abc":
            (directory / name).write_text(content, encoding="utf-8")

    return write


def seen(place: Path) -> list[str]:
    return [file.read_text(encoding="utf-8") for file in sorted(place.glob("*"))]


def test_whenever_a_file_is_removed_the_place_has_all_of_one_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    views: list[list[str]] = []
    remove = shutil.rmtree

    def removing(path: Path, **options: Any) -> None:
        for file in path.glob("*"):
            file.unlink()
            views.append(seen(place))
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", removing)
    for content in ("old", "new"):
        write_directory(place, fill(content))
        assert seen(place) == [content] * 3
    assert views, "nothing was removed"
    assert all(view in ([], ["old"] * 3, ["new"] * 3) for view in views)
    assert [one.name for one in tmp_path.iterdir()] == ["place"]


def test_what_was_left_of_one_that_was_killed_is_removed(tmp_path: Path) -> None:
    for name in ("place.unfinished", "place.replaced"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    write_directory(tmp_path / "place", fill("new"))
    assert [one.name for one in tmp_path.iterdir()] == ["place"]
