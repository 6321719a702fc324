"""JSON files of our own: written whole or not at all, and read with the place of what is damaged."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from rlsr.errors import RunError
from rlsr.runs.refused_writes import writing_to
from rlsr.runs.typed_json import to_table

Row = dict[str, Any]

_NUMBER = r"(?:-?\d[-+.\deE]*|null)"
# No string holds the end of a line, so that this is never inside of one.
_LIST_OF_NUMBERS = re.compile(rf"(?<=\[)\n\s*{_NUMBER}(?:,\n\s*{_NUMBER})*\n\s*(?=\])")

RESTORE = "restore the file"
"""The way out where one of our own files is damaged."""


def read_json(file: Path) -> Row:
    """Read one of our own files.

    Args:
        file: It holds one object.

    Raises:
        RunError: It is missing, damaged, or holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{file}: damaged or unreadable: {error}; {RESTORE}") from error
    if not isinstance(content, dict):
        raise RunError(
            f"{file}: damaged: expected an object, got {type(content).__name__}; {RESTORE}"
        )
    return content


def write_json(file: Path, content: Any) -> None:
    """Write a mapping or a dataclass as JSON, atomically, a list of numbers on one line; NaN becomes null."""
    text = json.dumps(to_table(content), indent=2, ensure_ascii=False)
    _write_text(file, _LIST_OF_NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n")


def read_json_lines(file: Path, *, may_be_cut_off: bool = False) -> Iterator[tuple[str, Any]]:
    """Read JSON lines.

    Args:
        file: No file has no lines.
        may_be_cut_off: Whether a crash may have cut off the last line, which is left out then. That happens only to a
            file that grows line by line.

    Yields:
        The place of a line, as messages name it, and what it holds.

    Raises:
        RunError: The file cannot be read, or a line is damaged.
    """
    if not file.is_file():
        return
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: unreadable: {error}; {RESTORE}") from error
    # Not splitlines: an answer may hold characters that it takes for the end of a line.
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, start=1):
        place = f"{file}:{number}"
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            if may_be_cut_off and number == len(lines):
                return
            raise damaged_line(place, error) from error
        yield place, found


def damaged_line(place: str, error: Exception) -> RunError:
    """Say that a line of one of our own files is no JSON.

    Args:
        place: File and line.
        error: What the reader has found.
    """
    return RunError(f"{place}: damaged line in the run's own file: {error}; {RESTORE}")


def write_json_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines, atomically; NaN becomes null."""
    _write_text(file, "".join(json.dumps(to_table(row), ensure_ascii=False) + "\n" for row in rows))
    return file


def append_json_line(file: Path, row: Mapping[str, Any]) -> None:
    """Add a line to a file that grows line by line.

    Args:
        file: Made where it is not there. A last line that a crash has cut off is removed, so that the new one does not
            continue it.
        row: JSON-ready; NaN is written as null.

    Raises:
        RunError: The line cannot be written.
    """
    with writing_to(file), file.open("ab+") as stream:
        _end_with_a_line(stream)
        stream.write((json.dumps(to_table(row)) + "\n").encode())


def _end_with_a_line(stream: IO[bytes]) -> None:
    """Take away half a line at the end. Of a file that is whole only the last byte is read, since it has a line for every step."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - 1, 0))
    if stream.read(1) in {b"", b"\n"}:
        return
    stream.seek(0)
    stream.truncate(stream.read().rfind(b"\n") + 1)


def _write_text(file: Path, text: str) -> None:
    """Write through a temporary file, so that a crash never leaves half a file under the final name."""
    temporary = file.with_name(file.name + ".tmp")
    # Half of a surrogate pair cannot be UTF-8; written with a backslash it is the escape that JSON has for it.
    with writing_to(file):
        temporary.write_bytes(text.encode("utf-8", errors="backslashreplace"))
        os.replace(temporary, file)  # noqa: PTH105 - Path.replace says the same and hides that it is atomic
