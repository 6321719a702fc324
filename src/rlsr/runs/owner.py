"""One process at a time works in a directory: two that resume the same run would write over each other.

The owner holds a lock on ``owner.json``, which says who it is. The system releases the lock when the process ends, however it
ends, so that a file that a crash has left stands in nobody's way.
"""

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rlsr.errors import RlsrError, RunError

logger = logging.getLogger(__name__)

OWNER_FILE = "owner.json"


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Own a directory, so that no other process works in it.

    Args:
        path: Of a run, of stages or of a comparison; made where it is not there, and taken away again where it stays empty.

    Yields:
        Nothing.

    Raises:
        RunError: It belongs to another process, cannot be written, or was moved or deleted before the end.
    """
    made = _make(path)
    try:
        stream = _lock(path)
    except RunError:
        _take_away(made)
        raise
    try:
        yield
    except Exception as error:
        if isinstance(error, RlsrError) or _is_there(stream, path):
            raise
        raise is_gone(path) from error
    finally:
        if _is_there(stream, path):
            (path / OWNER_FILE).unlink()
        # What this process has forked holds the lock, too.
        _release(stream)
        _take_away(made)


def require_unowned(path: Path) -> None:
    """Refuse a directory in which another process works, before anything is read or loaded.

    Args:
        path: Of a run, of stages or of a comparison, there or not.

    Raises:
        RunError: It belongs to another process.
    """
    with suppress(FileNotFoundError, PermissionError), (path / OWNER_FILE).open("rb") as stream:
        _acquire(stream, path)


def is_worked_in(path: Path) -> bool | None:
    """Say whether a process works in a directory, without touching its lock: asking for it could keep out who wants to begin.

    Args:
        path: Of a run, of stages or of a comparison, there or not.

    Returns:
        None where it cannot be known: the owner is on another machine, or the file that names it is being written.
    """
    try:
        owner = json.loads((path / OWNER_FILE).read_bytes())
        host, pid = str(owner["host"]), int(owner["pid"])
    except OSError:
        return False
    except (ValueError, KeyError, TypeError):
        return None
    if host != socket.gethostname() or sys.platform == "win32" or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        # It is another user's.
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def is_gone(path: Path) -> RunError:
    """Say that a directory is no longer where it was."""
    return RunError(
        f"{path}: the directory was moved or deleted while this process worked in it; nothing can be written there. If it was moved, "
        "go on with --resume --out and its new place"
    )


def _make(path: Path) -> list[Path]:
    """Make a directory, and list what was made, the innermost first."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: the directory cannot be made: {error}") from error
    return missing


def _take_away(made: list[Path]) -> None:
    with suppress(OSError):
        for place in made:
            place.rmdir()


def _lock(path: Path) -> BinaryIO:
    """Take the lock, and write down whose it is."""
    while True:
        try:
            # Without truncating: until the lock is ours, the file is another's.
            stream = (path / OWNER_FILE).open("a+b")
        except OSError as error:
            raise RunError(
                f"{path}: cannot be written ({error.strerror}), and a run writes there; make it writable, or name another directory "
                "with --out"
            ) from error
        try:
            has_locks = _acquire(stream, path)
        except RunError:
            stream.close()
            raise
        # Whoever owned it before may have taken the file away in between.
        if _is_there(stream, path):
            break
        stream.close()
    if not has_locks:
        logger.warning(
            "%s: this file system knows no locks, so nothing keeps a second process from working there; start none",
            path,
        )
    stream.truncate(0)
    stream.write(json.dumps(_this_process()).encode() + b"\n")
    stream.flush()
    return stream


def _acquire(stream: BinaryIO, path: Path) -> bool:
    """Take the lock on a file; return False where there are no locks."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"{path}: {_owner(stream)} works in this directory; wait until it is done, interrupt it (it saves a checkpoint and says how to "
            "go on), or name another directory with --out"
        ) from None
    except OSError:
        return False
    return True


def _release(stream: BinaryIO) -> None:
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_UN)
    stream.close()


def _is_there(stream: BinaryIO, path: Path) -> bool:
    """Say whether a file that is open still has its name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), (path / OWNER_FILE).stat())
    except OSError:
        return False


def _this_process() -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(tz=UTC).isoformat(timespec="seconds"),
    }


def _owner(stream: BinaryIO) -> str:
    """Say who has the lock."""
    stream.seek(0)
    try:
        owner = json.loads(stream.read())
        return f"process {owner['pid']} on {owner['host']} (since {owner['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
