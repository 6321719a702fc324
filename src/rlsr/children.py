"""Processes that a command starts for its work: they end with it, however it ends."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_STARTER = "RLSR_STARTER"
_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_LOOKS = 1.0
_PATIENCE_SECONDS = 10


class Children:
    """The processes that a command runs at the same time, each from a thread of its own.

    Only the main thread hears a signal, so that it passes it on to all of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[str]] = []
        self._told: int | None = None

    @contextmanager
    def started(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> Iterator["subprocess.Popen[str]"]:
        """Start a process, and end it as Ctrl-C ends it, or else by force, where it still runs when the block is left.

        Args:
            command: Its arguments.
            environment: All of its environment.

        Yields:
            The process, which says all that it says by its output, as text.
        """
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
        try:
            with self._lock:
                self._running.append(process)
                if self._told is not None:
                    process.send_signal(self._told)
            yield process
        finally:
            # Whatever ended the block, no process may go on writing into a directory that nobody watches.
            _end_soon(process)
            with self._lock:
                self._running.remove(process)
            assert process.stdout is not None, "it was asked for"
            process.stdout.close()

    def tell(self, number: int) -> None:
        """Pass a signal on to all of them, and to those that are only being started.

        Args:
            number: The signal's.
        """
        with self._lock:
            self._told = number
            for process in self._running:
                process.send_signal(number)

    def kill(self) -> None:
        """End all of them by force."""
        self.tell(signal.SIGKILL)


def environment_of_child() -> dict[str, str]:
    """Write the environment of a process that is started by this one and calls ``end_with_starter``."""
    return {**os.environ, _STARTER: str(os.getpid())}


def end_with_starter() -> bool:
    """Let this process end when who has started it does: a command of ours, or torchrun.

    A worker that outlives its launcher would go on writing where the next session of the run writes.

    Returns:
        Whether there is one, which then passes signals on.
    """
    known = os.environ.pop(_STARTER, None)
    if known is None and "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    if sys.platform == "win32":
        return True
    starter = os.getppid() if known is None else int(known)
    if not _told_by_system():
        threading.Thread(target=_watch, args=(starter,), daemon=True).start()
    if os.getppid() != starter:
        _end()  # it ended before the system knew
    return True


def _end_soon(process: "subprocess.Popen[str]") -> None:
    """Let a process that still runs end as Ctrl-C ends it, or else by force."""
    for number in (signal.SIGINT, signal.SIGKILL):
        # Does nothing where it has ended.
        process.send_signal(number)
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def _told_by_system() -> bool:
    """Let Linux kill this process when its parent is gone; False where there is no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    refused: int = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return refused == 0


def _watch(starter: int) -> None:
    """Look whether the parent is still there; an orphan gets another one."""
    while os.getppid() == starter:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    _end()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
