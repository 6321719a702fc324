"""What a notebook sees of a run while it goes on: plain lines."""

import math
import time
from collections.abc import Callable, Mapping

from rlsr.cli.progress import step_line

Say = Callable[[str], None]
"""Told what happens, line by line; ``print`` is one."""

MOST_LINES = 200
"""Steps that are told of a run; of a longer one every so many."""


def silent(line: str) -> None:
    """Leave out what is said."""


class LineObserver:
    """A line for every stage, and for as many steps as anybody reads.

    Args:
        say: Told each line.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._started = time.monotonic()

    def on_stage(self, name: str) -> None:
        """Say what begins, with the time since the start.

        Args:
            name: In words.
        """
        self._say(f"[{time.monotonic() - self._started:4.0f} s] {name}")

    def on_progress(self, done: int, total: int) -> None:
        """Stay silent: lines have no bar."""

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Say what the numbers of a step are.

        Args:
            step: Counted from 1.
            num_steps: Steps of the whole run.
            metrics: As in ``metrics.jsonl``.
        """
        every = max(1, math.ceil(num_steps / MOST_LINES))
        if step % every == 0 or step in {1, num_steps}:
            self._say(step_line(step, num_steps, metrics))

    def on_finding(self, level: str, words: str) -> None:
        """Say what a monitor has found.

        Args:
            level: ``warn`` or ``alarm``.
            words: What was found.
        """
        self._say(f"{level}: {words}")
