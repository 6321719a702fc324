"""A training whose budget at a server is used up in the middle of a step: what was trained up to there is saved."""

import random
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.host import HostOverrides
from rlsr.errors import BudgetError


class StepBeginnings(TrainerCallback):
    """Remembers what a rollout changes: random numbers and the count of tokens; a checkpoint of the step before goes on from these."""

    def __init__(self) -> None:
        self._own: Any = None
        self._num_tokens = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at both before the step begins."""
        self._num_tokens = state.num_input_tokens_seen
        of_numpy = np.random.get_state()  # noqa: NPY002 - what transformers saves
        on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        self._own = (random.getstate(), of_numpy, torch.random.get_rng_state(), on_gpu)

    def put_back(self, state: Any) -> None:
        """Put both back to where the step began.

        Args:
            state: The trainer's.
        """
        state.num_input_tokens_seen = self._num_tokens
        own, of_numpy, of_torch, on_gpu = self._own
        random.setstate(own)
        np.random.set_state(of_numpy)  # noqa: NPY002 - see above
        torch.random.set_rng_state(of_torch)
        if on_gpu:
            torch.cuda.set_rng_state_all(on_gpu)


def save_step_before(
    trainer: HostOverrides, log: StepLog, beginnings: StepBeginnings, error: BudgetError
) -> BudgetError:
    """Save the last whole step, unless it is saved already or its numbers are not written.

    A rollout is scored before the weights change. Where validation has used the budget up, the step's own numbers are missing, and
    the run goes on from the checkpoint before: answers that were kept cost nothing the second time.

    Args:
        trainer: Stopped in the middle of a step; all processes are.
        log: Of the run.
        beginnings: Remembers how the step began.
        error: What stopped it.

    Returns:
        The error, which also says what is saved.
    """
    step = int(trainer.state.global_step)
    if step and log.last_step == step and log.saved_step != step:
        beginnings.put_back(trainer.state)
        trainer._save_checkpoint(trainer.model, None)
        trainer.callback_handler.on_save(trainer.args, trainer.state, trainer.control)
    saved = log.saved_step
    what = f"step {saved} is saved" if saved else "no step was saved yet"
    return BudgetError(f"{error}; {what}", error.way_out)
