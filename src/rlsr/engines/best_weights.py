"""The best weights of a run that still goes on, on disk: a directory for each step whose weights may yet be wanted.

A run that is killed goes on from a checkpoint, the newest one that is whole, and what was the best by then must still be there,
even if something better came after it, for the steps in between are taken again. So there are the best, and the best of every
checkpoint that is kept. A directory has its name once it is whole.
"""

import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rlsr.errors import EngineError
from rlsr.runs.checksums import find_damage
from rlsr.runs.whole_directory import copy_directory, write_directory


class BestWeights:
    """Which weights lie in a directory.

    Args:
        directory: Of the run; made when there is something to keep.
        keep_checkpoints: How many of the newest checkpoints are kept.
    """

    def __init__(self, directory: Path, keep_checkpoints: int = 1) -> None:
        self._directory = directory
        self._at_checkpoints: deque[int] = deque(maxlen=keep_checkpoints)
        self._newest: int | None = None

    def has(self, step: int) -> bool:
        """Say whether the weights after a step are there, whole."""
        return self._path(step).is_dir()

    def go_on_from(self, step: int | None) -> None:
        """Take up the weights that were the best at the checkpoint that a run goes on from.

        Args:
            step: After which they were the policy's; None where nothing had been measured.

        Raises:
            EngineError: They are not there, or damaged.
        """
        if step is not None:
            damage = find_damage(self._path(step)) if self.has(step) else "they are not there"
            if damage is not None:
                raise EngineError(
                    f"{self._path(step)}: the run could not end with the best weights so far, those after step {step}: {damage}; "
                    "put the directory back, or start a new run"
                )
        self._newest = step
        self._at_checkpoints.clear()
        # What was the best at a checkpoint before is no later.
        self._at_checkpoints += (
            [] if step is None else [kept for kept in self._steps() if kept <= step]
        )
        self._forget_others()

    def keep(self, step: int, save: Callable[[Path], None]) -> None:
        """Keep the weights of now as the best.

        Args:
            step: After which they are the policy's.
            save: Writes them into a directory.
        """
        write_directory(self._path(step), save)
        self._newest = step
        self._forget_others()

    def on_checkpoint(self) -> None:
        """Forget what only the checkpoint before had wanted."""
        if self._newest is not None:
            self._at_checkpoints.append(self._newest)
        self._forget_others()

    def copy_to(self, final: Path) -> None:
        """Make the best weights the trained model.

        Args:
            final: Its directory; what lies there is of a session that was killed before it was complete.
        """
        assert self._newest is not None, "something was kept"
        copy_directory(final, self._path(self._newest))

    def _path(self, step: int) -> Path:
        return self._directory / f"step-{step:06d}"

    def _steps(self) -> list[int]:
        """List after which steps the weights are there, in order."""
        found = self._directory.glob("step-*") if self._directory.is_dir() else ()
        names = (path.name.removeprefix("step-") for path in found)
        return sorted(int(name) for name in names if name.isdecimal())

    def _forget_others(self) -> None:
        wanted = {
            self._path(step) for step in (*self._at_checkpoints, self._newest) if step is not None
        }
        found = self._directory.iterdir() if self._directory.is_dir() else ()
        for path in [path for path in found if path not in wanted]:
            shutil.rmtree(path)
