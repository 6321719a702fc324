"""A program in a real terminal of its own, driven by keys, for the tests of what it draws."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_CONTROL = re.compile(
    rb"\x1b(?:\[[0-9;?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|[ -/]*[0-~])"
)


class Terminal:
    """A running program.

    Args:
        pid: Of its process.
        screen: Our end of its terminal.
    """

    def __init__(self, pid: int, screen: int) -> None:
        self.raw = b""
        """All that it has written, with what steers a terminal."""
        self.code: int | None = None
        """How it ended, as shells count; None while it runs."""
        self._pid = pid
        self._screen = screen

    @property
    def text(self) -> str:
        """All that it has written, in the order in which it was written, without what steers a terminal."""
        return _CONTROL.sub(b"", self.raw).decode(errors="replace")

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._screen, keys.encode())

    def wait_for(self, words: str, *, after: int = 0, timeout_s: float = 60) -> int:
        """Wait until it has written some words, and return where in ``text`` they end."""
        ends = time.monotonic() + timeout_s
        while time.monotonic() < ends:
            found = self.text.find(words, after)
            if found >= 0:
                return found + len(words)
            if not self._read(0.05):
                break
        raise AssertionError(f"never written: {words!r}; what was: {self.text[-3000:]!r}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self._pid, number)

    def end(self, timeout_s: float = 60) -> int:
        """Wait until it has ended, and return its exit code."""
        ends = time.monotonic() + timeout_s
        while self.code is None:
            assert time.monotonic() < ends, (
                f"it did not end; what was written: {self.text[-3000:]!r}"
            )
            self._read(0.05)
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        while self._read(0.05):
            pass
        return self.code

    def _read(self, timeout_s: float) -> bool:
        """Take what it has written; False where nothing can come any more."""
        if not select.select([self._screen], [], [], timeout_s)[0]:
            return self.code is None
        try:
            more = os.read(self._screen, 65536)
        except OSError:
            return False
        self.raw += more
        return bool(more)


@contextmanager
def terminal(
    arguments: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """Start a program in a terminal of its own; what still runs at the end is ended."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    found = os.posix_spawn(
        arguments[0],
        list(arguments),
        dict(environment),
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, place) for place in range(3)],
        setsid=True,
    )
    os.close(theirs)
    program = Terminal(found, ours)
    try:
        yield program
    finally:
        if program.code is None:
            program.send(signal.SIGKILL)
            os.waitpid(found, 0)
        os.close(ours)
