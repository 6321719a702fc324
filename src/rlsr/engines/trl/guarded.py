"""What keeps the weights of a run whole: updates that are finite, and checkpoints that count once all of their files do.

Each override has a contract test in tests/invariant/test_trl_contracts.py:

- ``_clip_grad_norm``: an update whose loss or gradient is not finite is left out, with weights and optimiser as they were;
- ``_save_checkpoint``: checksums are written last, and older checkpoints go by their steps.
"""

import logging
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer

from rlsr.engines.trl.checkpoints import (
    checkpoint_of,
    finish_checkpoint,
    newest_whole_checkpoint,
    remove_checkpoint,
)
from rlsr.errors import EngineError, RunError
from rlsr.runs.refused_writes import writing_to

logger = logging.getLogger(__name__)


class GuardedTrainer(Trainer):
    """The methods by which a trainer takes no update and keeps no weights that are not numbers.

    Args:
        keep_checkpoints: How many of the newest checkpoints stay.
        **kwargs: As for ``transformers.Trainer``.
    """

    def __init__(self, *, keep_checkpoints: int, **kwargs: Any) -> None:
        self._keep_checkpoints = keep_checkpoints
        self.num_skipped_updates = 0
        self.loss_is_finite = True
        self.has_ended = False
        """Whether a rule has ended training with this step, before the last one that was planned."""
        super().__init__(**kwargs)

    def over_processes(self, number: float) -> float:
        """Add up a number over the processes that train together; all of them ask at the same time."""
        if self.accelerator.num_processes == 1:
            return number
        own = torch.tensor(number, dtype=torch.float64, device=self.accelerator.device)
        return float(self.accelerator.reduce(own, reduction="sum"))

    def mean_over_processes(self, number: float) -> float:
        """Average a number over the processes that train together; all of them ask at the same time."""
        return self.over_processes(number) / self.accelerator.num_processes

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)
        # A loss may be lost in one process alone, and none may take an update that another does not.
        if self.over_processes(not (self.loss_is_finite and math.isfinite(norm))):
            self.num_skipped_updates += 1
            # An optimiser passes over weights without a gradient, and leaves what it keeps of them alone.
            for weight in model.parameters():
                weight.grad = None
        return norm

    def save_own_state(self, checkpoint: Path) -> None:
        """Write what a trainer of ours keeps besides, in the main process; here nothing.

        Args:
            checkpoint: All of its other files are written.
        """

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        checkpoint = checkpoint_of(Path(self.args.output_dir), self.state.global_step)
        self._require_finite_weights(checkpoint.parent)
        try:
            with writing_to(checkpoint):
                if self.args.should_save:
                    remove_checkpoint(checkpoint)
                self.accelerator.wait_for_everyone()
                super()._save_checkpoint(model, trial)
                # Every process writes the state of its own random numbers.
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    self.save_own_state(checkpoint)
                    finish_checkpoint(checkpoint, keep=self._keep_checkpoints)
        except RunError as refused:
            # Half of it is worth nothing, and takes the room that is wanted.
            shutil.rmtree(checkpoint, ignore_errors=True)
            # The trained model takes a fraction of it. Other processes would wait for this one.
            is_last = self.has_ended or self.state.global_step >= self.state.max_steps
            if not is_last or self.accelerator.num_processes > 1:
                raise
            reason, *_ = str(refused).partition("; ")
            logger.warning("%s; it was the last one, and the trained model is saved", reason)

    def _require_finite_weights(self, checkpoints: Path) -> None:
        trained = (weight for weight in self.model.parameters() if weight.requires_grad)
        if all(bool(weight.isfinite().all()) for weight in trained):
            return
        raise EngineError(
            f"step {self.state.global_step}: the weights are not finite any more, and no checkpoint is made of them; the last good one "
            f"is {newest_whole_checkpoint(checkpoints) or 'none'}. Lower training.learning_rate or use model.dtype=float32, and "
            "start a new run"
        )


def take_skipped_updates(trainer: GuardedTrainer) -> int:
    """Read and clear how many updates of the last step were left out.

    Args:
        trainer: The trainer.
    """
    count, trainer.num_skipped_updates = trainer.num_skipped_updates, 0
    return count
