"""Directories that have their name only once they are whole, whenever the program is killed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rlsr.runs.refused_writes import writing_to

_UNFINISHED = ".unfinished"


def write_directory(place: Path, fill: Callable[[Path], object]) -> None:
    """Make a directory, in place of one that is there.

    Args:
        place: Where to.
        fill: Writes its files into a directory of another name beside it, which exists.

    Raises:
        RunError: Something cannot be written; what is there stays.
    """
    aside = place.with_name(f"{place.name}{_UNFINISHED}")
    shutil.rmtree(aside, ignore_errors=True)
    with writing_to(place):
        aside.mkdir(parents=True)
        fill(aside)
        # Only an empty directory can be replaced.
        shutil.rmtree(place, ignore_errors=True)
        os.replace(aside, place)  # noqa: PTH105 - Path.replace says the same and hides that it is atomic


def copy_directory(place: Path, source: Path) -> None:
    """Copy a directory, in place of one that is there.

    Args:
        place: Where to.
        source: What is copied; it stays.
    """
    write_directory(place, lambda aside: shutil.copytree(source, aside, dirs_exist_ok=True))
