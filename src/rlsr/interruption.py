"""Ctrl-C and SIGTERM: a program leaves at once, but for where it has something to finish first."""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Those that ask a program to end."""

INTERRUPTED = tuple(128 + number for number in SIGNALS)
"""The exit codes of a program that ended because it was asked to, as shells count."""

_ECHO_SECONDS = 5.0
"""A terminal tells all processes of a command, and whoever started this one passes on what it was told, on a busy machine later: so
long it is one signal. A second one of the user ends the starter, and with it this process."""
_AGAIN_SECONDS = 0.05
"""After which a signal is told again whose exception Python has dropped."""


class Interrupted(KeyboardInterrupt):
    """Somebody has asked the program to end.

    Args:
        number: The signal's.
        step: The optimiser step whose checkpoint was written before leaving; None where none was.
    """

    def __init__(self, number: int = signal.SIGINT, step: int | None = None) -> None:
        super().__init__()
        self.number = number
        self.step = step


def number_of(interruption: KeyboardInterrupt) -> int:
    """Say which signal it was; Python's own exception stands for Ctrl-C."""
    return interruption.number if isinstance(interruption, Interrupted) else int(signal.SIGINT)


class Leaving:
    """The handler of a program that leaves at once: it raises, and a further signal ends the process without ado.

    Args:
        has_echoes: Whether who started this process passes on what the terminal has told this one, too.
    """

    def __init__(self, *, has_echoes: bool = False) -> None:
        self.number: int | None = None
        """The signal for which the program leaves."""
        self._has_echoes = has_echoes
        self._heard = -math.inf

    def install(self) -> None:
        """Listen to the signals that are not ignored, as Ctrl-C is in the background of a script."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)
        before = sys.unraisablehook

        def on_dropped(dropped: Any) -> None:
            """Leave once the callback or finaliser has returned that the signal fell into, as while modules are imported."""
            if not isinstance(dropped.exc_value, Interrupted):
                before(dropped)
                return
            self.number, self._heard = None, -math.inf
            number = dropped.exc_value.number
            threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()

        sys.unraisablehook = on_dropped

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Hear a signal."""
        if not self.is_echo():
            self.leave(number)

    def is_echo(self) -> bool:
        """Hear a signal, and say whether it is the one before once more."""
        now, before = time.monotonic(), self._heard
        self._heard = now
        return self._has_echoes and now - before < _ECHO_SECONDS

    def leave(self, number: int) -> None:
        """Leave at once."""
        if self.number is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.number = number
        raise Interrupted(number)


class Deferral:
    """While it lasts the first signal is only noted, for who finishes something first; a second one leaves at once.

    Args:
        says: Whether this process tells the user that it was heard.
    """

    def __init__(self, *, says: bool = True) -> None:
        self.number: int | None = None
        """The signal that was heard; None while there was none."""
        self._says = says
        self._before: dict[int, Any] = {}

    def begin(self) -> None:
        """Take over from the handlers that are there; elsewhere than in the main thread Python hears no signals."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._note)

    def end(self) -> None:
        """Give back to the handlers from before."""
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        before: Callable[..., object] | None = self._before[number]
        is_echo = isinstance(before, Leaving) and before.is_echo()
        if self.number is None:
            self.number = number
            if self._says:
                name = signal.Signals(number).name
                # Not print: the signal may have come in the middle of one.
                os.write(
                    2,
                    f"\n{name}: the step is finished and saved; another one leaves at once\n".encode(),
                )
        elif not is_echo:
            if isinstance(before, Leaving):
                before.leave(number)
            raise Interrupted(number)
