"""What reads what others have written: files that are right for it, and what must hold for any other.

A reader takes any bytes: it reads them, or says in one message what is wrong (``RlsrError``), and loses no row in silence.
Anything else that it raises is a mistake of ours. ``tests/property/test_readers.py`` tries files that are a few changes away
from right ones; ``tests/fuzz.py`` lets a fuzzer look for bytes that reach code that none has reached before.
"""

import atexit
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from rlsr.errors import RlsrError

MOST_CPU_SECONDS = 10
"""A reader that takes longer for one small file hangs. Of this process alone, so that a busy machine fails no test."""

MOST_CHARACTERS = 100_000
"""Of a message; the longest lists every bad row."""


@dataclass(frozen=True)
class Reader:
    """Something that reads what others have written."""

    seeds: tuple[bytes, ...]
    """Files that are right."""
    read: Callable[[bytes], None]
    """Reads a file, and asserts what must hold for it."""
    is_json: bool = False
    """Whether the files are JSON, or JSON lines."""
    is_heavy: bool = False
    """Whether it takes a good part of a second, so that it is asked less often."""


def check(reader: Reader, content: bytes) -> bool:
    """Let a reader read.

    Args:
        reader: The reader.
        content: Any bytes.

    Returns:
        Whether it took them; if not it has said why.
    """
    message = None
    with _in_time():
        try:
            reader.read(content)
        except RlsrError as error:
            message = str(error)
    assert message is None or 0 < len(message.strip()) < MOST_CHARACTERS, "nobody reads that"
    return message is None


class Hangs(AssertionError):
    """A reader took too long."""


@contextmanager
def _in_time() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"more than {MOST_CPU_SECONDS} seconds")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@cache
def workplace() -> Path:
    """A directory of this process, removed at its end."""
    path = Path(tempfile.mkdtemp(prefix="readers-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def file_of(name: str, content: bytes) -> Path:
    """Write a file into it."""
    path = workplace() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
