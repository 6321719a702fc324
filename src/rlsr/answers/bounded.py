"""Questions that may take for ever, asked of a process of their own that is given up after a time.

What a policy writes may be a power tower to a computer algebra, and what a user writes a regular expression that tries all
ways. Neither can be stopped in a thread, and signals reach the main thread alone, which may be another's.
"""

import json
import subprocess
import sys
import threading
from typing import Any

from rlsr.children import environment_of_child
from rlsr.errors import RewardError

_SECONDS_TO_START = 120.0
_SECONDS_TO_IMPORT = 60.0
_WALL_CLOCK_FACTOR = 20
"""How many times as long as a question may compute it may take on a busy machine."""


class Unanswered(Exception):
    """A question was not answered: it takes too long, needs too much memory, or the library that answers it failed."""


class BoundedQuestions:
    """Asks a process of its own, which is started at the first question, and anew after one that it did not survive.

    Args:
        limit_s: Seconds of computing that a question may take.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._process: subprocess.Popen[str] | None = None

    def ask(self, question: str, *arguments: Any) -> Any:
        """Ask one of ``rlsr.answers.child``'s questions.

        Args:
            question: Its name.
            *arguments: As JSON.

        Returns:
            The answer.

        Raises:
            Unanswered: It takes longer than the limit, or cannot be answered.
            RewardError: The process does not start.
        """
        if self._process is not None and self._process.poll() is not None:
            self.close()
        process = self._process or self._start()
        line = json.dumps({"question": question, "arguments": arguments, "limit_s": self._limit_s})
        # The process looks at its own seconds, where there is such a clock; these are for what has none.
        within_s = _SECONDS_TO_IMPORT + _WALL_CLOCK_FACTOR * self._limit_s
        reply = _line_of(process, line, within_s=within_s)
        if reply is None:
            self.close()
            raise Unanswered(f"{question}: gave no answer in time, or ended")
        found = json.loads(reply)
        if "failure" in found:
            raise Unanswered(f"{question}: {found['failure']}")
        return found["answer"]

    def close(self) -> None:
        """End the process, where there is one; a later question starts another."""
        if self._process is not None:
            _end(self._process)
        self._process = None

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            # Without the working directory on its path, whose files may have names of libraries.
            [sys.executable, "-P", "-m", "rlsr.answers.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment_of_child(),
        )
        if _line_of(process, "", within_s=_SECONDS_TO_START) is None:
            _end(process)
            raise RewardError(
                f"the process that answers what may take too long did not start ({sys.executable} -P -m rlsr.answers.child); run "
                "that in a terminal to see why"
            )
        self._process = process
        return process


def _line_of(process: "subprocess.Popen[str]", line: str, *, within_s: float) -> str | None:
    """Send a line and wait for one; None where the process ends before, or is ended since it takes too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(within_s, process.kill)
    timer.start()
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline() or None
    except OSError:  # it is gone
        return None
    finally:
        timer.cancel()


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        try:
            stream.close()
        except OSError:  # what was not sent any more
            continue
