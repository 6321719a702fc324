"""Who watches a run: the terminal, a test, later a dashboard."""

from collections.abc import Mapping
from typing import Protocol


class TrainingObserver(Protocol):
    """Told what a run does while it does it."""

    def on_stage(self, name: str) -> None:
        """Hear that a stage begins.

        Args:
            name: In words, as in ``evaluating before training``.
        """
        ...

    def on_progress(self, done: int, total: int) -> None:
        """Hear how far the current stage is.

        Args:
            done: Units done.
            total: Units in all.
        """
        ...

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Hear the numbers of an optimiser step.

        Args:
            step: Counted from 1.
            num_steps: Steps of the whole run.
            metrics: As in ``metrics.jsonl``.
        """
        ...

    def on_finding(self, level: str, words: str) -> None:
        """Hear what a monitor has found after the step that was told last, once for each level, or where the run is tracked.

        Args:
            level: ``warn`` or ``alarm`` of a monitor; ``note`` of a tracker.
            words: The monitor, what it found and the way out; or the tracker and its address.
        """
        ...


class SilentObserver:
    """Watches nothing."""

    def on_stage(self, name: str) -> None:
        """Ignore the stage."""

    def on_progress(self, done: int, total: int) -> None:
        """Ignore the progress."""

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Ignore the step."""

    def on_finding(self, level: str, words: str) -> None:
        """Ignore the finding."""
