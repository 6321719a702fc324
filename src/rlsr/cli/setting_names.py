"""The names of settings, for the shell that completes them.

A completion has to come at once, and the classes of the config alone take longer than that to import. So their names are kept
in a file beside this one, which ``make settings`` writes and a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

FILE = Path(__file__).with_name("setting_names.txt")


def setting_names() -> list[str]:
    """Read the dotted keys, those of names that the user gives with a star."""
    return FILE.read_text(encoding="utf-8").split()


def complete_key(incomplete: str) -> Iterator[str]:
    """Complete the key of a setting.

    Args:
        incomplete: Its beginning.

    Yields:
        Keys that begin so, down to the next dot: a table first, its settings when it stands there.
    """
    depth = incomplete.count(".")
    for name in setting_names():
        parts = name.split(".")
        if len(parts) == depth + 1 and name.startswith(incomplete):
            yield name


def complete_setting(incomplete: str) -> Iterator[str]:
    """Complete ``KEY=VALUE`` up to the equals sign.

    Args:
        incomplete: The beginning of an argument, which may be that of a file, too.

    Yields:
        Keys with an equals sign; tables with the dot that leads into them.
    """
    if "=" in incomplete:
        return
    names = setting_names()
    tables = {name.rpartition(".")[0] for name in names}
    for name in complete_key(incomplete):
        yield f"{name}." if name in tables else f"{name}="
