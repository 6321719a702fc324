"""Directories that have their name only once they are whole, whenever the program is killed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rlsr.runs.refused_writes import writing_to

_UNFINISHED = ".unfinished"
_REPLACED = ".replaced"


def write_directory(place: Path, fill: Callable[[Path], object]) -> None:
    """Make a directory, in place of one that is there.

    Args:
        place: Where to.
        fill: Writes its files into a directory of another name beside it, which exists.

    Raises:
        RunError: Something cannot be written; what is there stays.
    """
    aside, before = (place.with_name(f"{place.name}{end}") for end in (_UNFINISHED, _REPLACED))
    for left in (aside, before):
        shutil.rmtree(left, ignore_errors=True)
    with writing_to(place):
        aside.mkdir(parents=True)
        fill(aside)
        # Only an empty directory can be replaced, and one that is removed file by file is half a directory for the while.
        if place.exists():
            place.rename(before)
        os.replace(aside, place)  # noqa: PTH105 - Path.replace says the same and hides that it is atomic
    shutil.rmtree(before, ignore_errors=True)


def copy_directory(place: Path, source: Path) -> None:
    """Copy a directory, in place of one that is there.

    Args:
        place: Where to.
        source: What is copied; it stays.
    """
    write_directory(place, lambda aside: shutil.copytree(source, aside, dirs_exist_ok=True))
