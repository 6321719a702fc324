"""Processes that a command starts for its work: they end with it, however it ends."""

import ctypes
import os
import signal
import sys
import threading
import time

_STARTER = "RLSR_STARTER"
_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_LOOKS = 1.0


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
