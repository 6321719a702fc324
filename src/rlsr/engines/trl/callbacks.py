"""The numbers of every optimiser step, from what TRL has logged."""

import math
import time
from dataclasses import replace
from typing import Any

from transformers import TrainerCallback

from rlsr.engines.peak_memory import peak_memory
from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.guarded import take_skipped_updates
from rlsr.engines.trl.host import HostOverrides, take_out_of_memory, take_phase_seconds
from rlsr.engines.trl.logged_numbers import logged_numbers
from rlsr.models import Policy
from rlsr.runs.step_metrics import (
    LOSS,
    OUT_OF_MEMORY,
    SKIPPED_UPDATES,
    STEP_PHASES,
    STEP_SECONDS,
    TRAINED_TOKENS,
)

PHASES = STEP_PHASES[:-1]
"""The parts of a step whose time trainers take; the rest is the update."""


class StepRecorder(TrainerCallback):
    """Tells the log of the run what transformers tells its callbacks.

    Args:
        log: Writes the steps and says where training ends.
        policy: The policy that is trained.
        num_samples: Prompts of each step whose responses are kept.
    """

    def __init__(self, log: StepLog, policy: Policy, *, num_samples: int) -> None:
        self._log = log
        self._policy = policy
        self._num_samples = num_samples
        self._started = 0.0
        self._step_seconds = 0.0
        # Set once the trainer exists; TRL wants its callbacks before that.
        self.trainer: HostOverrides | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read what a run that is resumed has behind it, and measure what a new one begins with."""
        with self._own_trainer.as_it_is_kept():
            self._log.begin(int(state.global_step), self._policy_now)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the new weights in, and stop the clock."""
        self._own_trainer.on_weights_changed()
        self._step_seconds = time.perf_counter() - self._started

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Write the numbers and the samples of the step that has just ended."""
        # metrics.jsonl has them; here they would stay in memory, and be written into every checkpoint once more.
        state.log_history.clear()
        if logs is None or "loss" not in logs:  # the summary after the last step
            return
        trainer = self._own_trainer
        with trainer.as_it_is_kept():
            reason_to_stop = self._log.add(
                int(state.global_step),
                self._metrics(logs, trainer),
                trainer.sample_rows(self._num_samples),
                self._policy_now,
            )
        if reason_to_stop is not None:
            trainer.has_ended = True
            control.should_training_stop = control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Hear that a checkpoint is written."""
        self._log.on_checkpoint()

    @property
    def _own_trainer(self) -> HostOverrides:
        assert self.trainer is not None, "the trainer is set before it trains"
        return self.trainer

    def _policy_now(self) -> Policy:
        return replace(self._policy, model=self._own_trainer.model)

    def _metrics(self, logs: dict[str, Any], trainer: HostOverrides) -> dict[str, float | None]:
        phases = take_phase_seconds(trainer, PHASES)
        seconds = self._step_seconds
        update = max(seconds - sum(phases.values()), 0.0)
        tokens = trainer.num_step_tokens
        skipped = float(take_skipped_updates(trainer))
        # transformers logs the mean of earlier losses in the place of one that is not finite.
        lost = {} if trainer.loss_is_finite else {LOSS: math.nan}
        return {
            **logged_numbers(logs),
            **lost,
            SKIPPED_UPDATES: skipped,
            OUT_OF_MEMORY: trainer.over_processes(take_out_of_memory(trainer)),
            TRAINED_TOKENS: float(trainer.over_processes(trainer.num_trained_tokens)),
            "tokens/per_second": tokens / seconds if seconds > 0 else math.nan,
            STEP_SECONDS: seconds,
            **{f"time/{phase}": value for phase, value in phases.items()},
            "time/update": update,
            **peak_memory(),
        }
