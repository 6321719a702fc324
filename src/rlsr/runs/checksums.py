"""Checksums of the files of a directory, written last: what was damaged afterwards is found before it is read.

They are CRC-32, which zlib has: quick, and sure to find a file that was cut, overwritten or worn; against forgery it is no help.
"""

import zlib
from pathlib import Path
from typing import Any

from rlsr.errors import RunError
from rlsr.runs.json_file import read_json, write_json

CHECKSUMS = "checksums.json"
"""Their file, in the directory whose files they are of."""

_AT_A_TIME = 2**22


def write_checksums(directory: Path, pattern: str = "**/*") -> None:
    """Write the checksums of the files of a directory, in place of those that are there.

    Args:
        directory: Complete but for this file.
        pattern: Which files, as ``Path.glob`` takes it.

    Raises:
        RunError: The file cannot be written.
    """
    files = sorted(file for file in directory.glob(pattern) if file.is_file())
    write_json(
        directory / CHECKSUMS,
        {
            "files": {
                file.relative_to(directory).as_posix(): {
                    "bytes": file.stat().st_size,
                    "crc32": _crc32(file),
                }
                for file in files
                if file.name != CHECKSUMS
            }
        },
    )


def find_damage(directory: Path) -> str | None:
    """Compare the files of a directory with their checksums.

    Args:
        directory: Any; one without checksums is older than they are, and taken as it is.

    Returns:
        The first file that is another than it was, with what is wrong, as the beginning of a sentence; None where all is well.
    """
    if not (directory / CHECKSUMS).is_file():
        return None
    try:
        files = read_json(directory / CHECKSUMS)["files"].items()
        for name, known in files:
            if (wrong := _wrong_with(directory / name, known)) is not None:
                return f"{directory / name} {wrong}"
    except RunError as error:
        return str(error)
    except (AttributeError, KeyError, TypeError):
        return f"{directory / CHECKSUMS} does not list files with their bytes and checksums"
    return None


def _wrong_with(file: Path, known: dict[str, Any]) -> str | None:
    try:
        size = file.stat().st_size
        if size != known["bytes"]:
            return f"has {size:,} bytes and was written with {known['bytes']:,}"
        return None if _crc32(file) == known["crc32"] else "is not what was written there"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _crc32(file: Path) -> str:
    value = 0
    with file.open("rb") as stream:
        while part := stream.read(_AT_A_TIME):
            value = zlib.crc32(part, value)
    return f"{value:08x}"
