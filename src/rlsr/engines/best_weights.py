"""The best weights of a run that still goes on, on disk: a directory for each step whose weights may yet be wanted.

A run that is killed goes on from its newest checkpoint, and what was the best by then must still be there, even if something
better came after it, for the steps in between are taken again. So there are the best, and until the next checkpoint the best
of the checkpoint before. A directory has its name once it is whole.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from rlsr.errors import EngineError
from rlsr.runs.whole_directory import copy_directory, write_directory


class BestWeights:
    """Which weights lie in a directory.

    Args:
        directory: Of the run; made when there is something to keep.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._at_checkpoint: int | None = None
        self._newest: int | None = None

    def has(self, step: int) -> bool:
        """Say whether the weights after a step are there, whole."""
        return self._path(step).is_dir()

    def go_on_from(self, step: int | None) -> None:
        """Take up the weights that were the best at the checkpoint that a run goes on from.

        Args:
            step: After which they were the policy's; None where nothing had been measured.

        Raises:
            EngineError: They are not there.
        """
        if step is not None and not self.has(step):
            raise EngineError(
                f"{self._path(step)}: the best weights so far, those after step {step}, are not there, and the run could not end "
                "with them; put the directory back, or start a new run"
            )
        self._at_checkpoint = self._newest = step
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
        self._at_checkpoint = self._newest
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

    def _forget_others(self) -> None:
        wanted = {
            self._path(step) for step in (self._at_checkpoint, self._newest) if step is not None
        }
        found = self._directory.iterdir() if self._directory.is_dir() else ()
        for path in [path for path in found if path not in wanted]:
            shutil.rmtree(path)
