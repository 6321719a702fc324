"""The numbers of every optimiser step, from what TRL has logged."""

import math
import time
from dataclasses import replace
from typing import Any

from transformers import TrainerCallback

from rlsr.engines.peak_memory import peak_memory
from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.host import HostOverrides, take_phase_seconds
from rlsr.models import Policy

PHASES = ("generate", "reward", "reference")

TRL_NAMES = {
    "reward": "reward/mean",
    "kl": "optim/kl",
    "entropy": "optim/entropy",
    "loss": "optim/loss",
    "grad_norm": "optim/grad_norm",
    "learning_rate": "optim/learning_rate",
    "completions/mean_length": "tokens/response",
    "completions/clipped_ratio": "tokens/share_cut",
    "num_tokens": "tokens/total",
}
"""TRL's names of the numbers that are kept, and ours."""

OUR_HEADS = ("reward/", "advantage/", "length/", "optim/", "preference/")
"""Numbers that came from us in the first place keep their names."""


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
        """Read what a run that is resumed has behind it."""
        self._log.go_on_from(int(state.global_step))

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop the clock."""
        self._step_seconds = time.perf_counter() - self._started

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Write the numbers and the samples of the step that has just ended."""
        if logs is None or "loss" not in logs:  # the summary after the last step
            return
        trainer = self.trainer
        assert trainer is not None, "the trainer is set before it trains"
        reason_to_stop = self._log.add(
            int(state.global_step),
            self._metrics(logs, trainer),
            trainer.sample_rows(self._num_samples),
            lambda: replace(self._policy, model=trainer.model),
        )
        if reason_to_stop is not None:
            control.should_training_stop = control.should_save = True

    def _metrics(self, logs: dict[str, Any], trainer: HostOverrides) -> dict[str, float | None]:
        renamed = {TRL_NAMES[name]: logs[name] for name in TRL_NAMES if name in logs}
        ours = {name: value for name, value in logs.items() if name.startswith(OUR_HEADS)}
        phases = take_phase_seconds(trainer, PHASES)
        seconds = self._step_seconds
        update = max(seconds - sum(phases.values()), 0.0)
        tokens = trainer.num_step_tokens
        measured = {
            "tokens/trained": trainer.over_processes(trainer.num_trained_tokens),
            "tokens/per_second": tokens / seconds if seconds > 0 else math.nan,
            "time/step": seconds,
            **{f"time/{phase}": value for phase, value in phases.items()},
            "time/update": update,
            **peak_memory(),
        }
        merged = {**renamed, **ours, **measured}
        return {name: None if value is None else float(value) for name, value in merged.items()}
