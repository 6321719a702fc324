"""A training that is asked to end takes its step to the end and saves it, so that nothing of it is lost."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.used_up import StepBeginnings, save_step_before
from rlsr.errors import BudgetError
from rlsr.interruption import Deferral, Interrupted
from rlsr.processes import Processes


def train_or_save(
    trainer: HostOverrides, log: StepLog, checkpoint: Path | None, processes: Processes
) -> None:
    """Train to the end.

    Args:
        trainer: Ready to train.
        log: Of the run.
        checkpoint: What it goes on from; None for the beginning.
        processes: Those that train together; a signal to one of them is for all.

    Raises:
        Interrupted: The process was asked to end; a checkpoint of the last step is written.
        BudgetError: What may be asked of a server is used up; a checkpoint of the last step is written.
    """
    deferral = Deferral(says=processes.is_main)
    saving = SaveWhenInterrupted(deferral, processes)
    trainer.add_callback(saving)
    beginnings = StepBeginnings()
    trainer.add_callback(beginnings)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except BudgetError as error:
        raise save_step_before(trainer, log, beginnings, error) from error
    finally:
        deferral.end()
    # Together, for the one that writes the checkpoint may still be at it; a signal may also have come after the last step.
    number = saving.heard()
    if number is not None:
        raise Interrupted(number, step=int(trainer.state.global_step))


class SaveWhenInterrupted(TrainerCallback):
    """Lets the trainer save and end after the step in which a signal has come.

    Args:
        deferral: Hears the signals.
        processes: Those that train together.
    """

    def __init__(self, deferral: Deferral, processes: Processes) -> None:
        self._deferral = deferral
        self._processes = processes

    def heard(self) -> int | None:
        """Say which signal one of the processes has heard; all ask together."""
        numbers = self._processes.gather(self._deferral.number)
        return max((number for number in numbers if number is not None), default=None)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to listen; before the first step there is nothing to save, and the program leaves at once."""
        self._deferral.begin()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """End after a step whose numbers are written, if a process was asked to."""
        if logs is None or "loss" not in logs:  # the summary after the last step
            return
        if self.heard() is not None:
            control.should_save = control.should_training_stop = True
