"""What is at a path that cannot be read as a file: messages name the cause, and suggestions only what can be opened."""

import difflib
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "is a directory, and a file is asked for"),
    (stat.S_ISFIFO, "is a pipe, and a file is asked for; write what comes out of it to a file"),
    (stat.S_ISSOCK, "is a socket, and a file is asked for"),
    (stat.S_ISCHR, "is a device, and a file is asked for"),
    (stat.S_ISBLK, "is a device, and a file is asked for"),
)


def why_unreadable(path: Path) -> str | None:
    """Say why a path cannot be read as a file.

    Args:
        path: Any path.

    Returns:
        The end of a sentence that begins with the path; None where nothing is there at all, or a file that can be read.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return _without_status(path, error)
    except ValueError:
        return "is no path: it holds a character of code 0"
    for is_kind, words in _KINDS:
        if is_kind(mode):
            return words
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        return f"may not be read by you (its rights are {stat.filemode(mode)}); allow it with chmod u+r"
    return None


def similar_files(path: Path, endings: frozenset[str] | None = None) -> list[Path]:
    """Find what may have been meant by the path of a file that is not there.

    Args:
        path: As written.
        endings: Suffixes of the files that are asked for, as in ``.yaml``; None is any.

    Returns:
        Up to three files and folders beside it, the most similar first; never links that lead nowhere.
    """
    try:
        names = [
            entry.name
            for entry in path.parent.iterdir()
            if entry.exists() and (endings is None or entry.suffix in endings)
        ]
    except OSError:
        return []
    return [path.parent / name for name in difflib.get_close_matches(path.name, names, n=3)]


def _without_status(path: Path, error: OSError) -> str | None:
    if isinstance(error, PermissionError):
        return "may not be looked at by you: a directory on the way to it is closed to you"
    if not os.path.islink(path):  # noqa: PTH114 - Path.is_symlink fails where a name is too long
        if isinstance(error, FileNotFoundError):
            return None
        return f"cannot be looked at: {error.strerror or error}"
    if isinstance(error, FileNotFoundError):
        return f"is a link to {path.readlink()}, and nothing is there"
    return "is a link that leads back to itself"
