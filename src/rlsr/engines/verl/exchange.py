"""How verl's trainer and rlsr talk: a file a step from the one, a file with the answer from the other.

verl may run on another machine and in another Python; what both see is the directory of the run. A file has its name once it is whole.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

Answer = Literal["go_on", "save_and_go_on", "save_and_end", "end"]
"""What the trainer does after a step. An end without saving follows a checkpoint of that very step."""

RUN_DIRECTORY = "RLSR_VERL_DIRECTORY"
"""Environment variable with the directory of this exchange, in every process of verl."""

_SECONDS_BETWEEN_LOOKS = 0.05


class Exchange:
    """The files of one run.

    Args:
        directory: Seen by both sides.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def of_this_process(cls) -> "Exchange":
        """Find the exchange of a process that verl has started."""
        return cls(Path(os.environ[RUN_DIRECTORY]))

    @property
    def config_file(self) -> Path:
        """The settings of the run, for the processes of verl."""
        return self.directory / "run.json"

    @property
    def prompts_file(self) -> Path:
        """The training prompts, as verl reads them."""
        return self.directory / "prompts.parquet"

    @property
    def failure_file(self) -> Path:
        """What the reward has failed of, where it has."""
        return self.directory / "reward_failure.txt"

    def step_file(self, step: int) -> Path:
        """Name the file with what a step was."""
        return self.directory / f"step-{step:06d}.json"

    def answer_file(self, step: int) -> Path:
        """Name the file with the answer to it."""
        return self.directory / f"answer-{step:06d}.json"

    def clear(self) -> None:
        """Forget what an earlier session has left."""
        stale = [*self.directory.glob("step-*"), *self.directory.glob("answer-*")]
        for file in [*stale, self.failure_file]:
            file.unlink(missing_ok=True)

    def tell(self, step: int, content: Mapping[str, Any]) -> None:
        """Say what a step was; the trainer's side."""
        _write(self.step_file(step), content)

    def wait_for_answer(self, step: int) -> Answer:
        """Wait until the other side has read a step; the trainer's side."""
        file = self.answer_file(step)
        while not file.is_file():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        answer: Answer = json.loads(file.read_text(encoding="utf-8"))["answer"]
        file.unlink()
        return answer

    def answer(self, step: int, answer: Answer) -> None:
        """Answer to a step, which lets the trainer go on; rlsr's side."""
        self.step_file(step).unlink(missing_ok=True)
        _write(self.answer_file(step), {"answer": answer})

    def wait_for_step(self, step: int, look: Callable[[], None]) -> dict[str, Any]:
        """Wait for a step; rlsr's side.

        Args:
            step: Counted from 1.
            look: Called while there is nothing; it raises where nothing will come any more.
        """
        file = self.step_file(step)
        while not file.is_file():
            look()
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return content


def _write(file: Path, content: Mapping[str, Any]) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(file)
