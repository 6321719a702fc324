"""What is written and shown after every optimiser step."""

import math
import resource
import sys
import time
from typing import Any

import torch
from transformers import TrainerCallback

from rlsr.engines.observer import TrainingObserver
from rlsr.engines.trl.rollout import RewardFunction, sample_rows
from rlsr.engines.trl.trainer import RlsrTrainer, take_phase_seconds
from rlsr.errors import EngineError
from rlsr.runs import RunDirectory

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

OUR_HEADS = ("reward/", "advantage/", "length/")
"""Numbers that came from us in the first place keep their names."""


class StepRecorder(TrainerCallback):
    """Writes ``metrics.jsonl`` and ``samples/``, and tells the observer.

    Args:
        run: Where to.
        reward: Knows the last rollout.
        observer: Who watches.
        num_sample_groups: Prompts of a step whose responses are written.
    """

    def __init__(
        self,
        run: RunDirectory,
        reward: RewardFunction,
        observer: TrainingObserver,
        num_sample_groups: int,
    ) -> None:
        self._run = run
        self._reward = reward
        self._observer = observer
        self._num_sample_groups = num_sample_groups
        self._started = 0.0
        self._step_seconds = 0.0
        # Set once the trainer exists; TRL wants its callbacks before that.
        self.trainer: RlsrTrainer | None = None

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
        assert trainer.group_advantages is not None, "a step begins with a rollout"
        step = int(state.global_step)
        _check_finite(step, logs)
        metrics = self._metrics(logs, take_phase_seconds(trainer, PHASES))
        self._run.append_metrics({"step": step, **metrics})
        if self._num_sample_groups:
            self._run.write_samples(
                step,
                sample_rows(
                    self._reward.last,
                    trainer.group_advantages,
                    trainer.num_generations,
                    self._num_sample_groups,
                ),
            )
        self._observer.on_step(step, int(state.max_steps), metrics)

    def _metrics(self, logs: dict[str, Any], phases: dict[str, float]) -> dict[str, float | None]:
        renamed = {TRL_NAMES[name]: logs[name] for name in TRL_NAMES if name in logs}
        ours = {name: value for name, value in logs.items() if name.startswith(OUR_HEADS)}
        seconds = self._step_seconds
        update = max(seconds - sum(phases.values()), 0.0)
        generated = sum(self._reward.last.num_tokens)
        measured = {
            "tokens/per_second": generated / seconds if seconds > 0 else math.nan,
            "time/step": seconds,
            **{f"time/{phase}": value for phase, value in phases.items()},
            "time/update": update,
            "memory/peak_gb": peak_memory_gb(),
            **peak_gpu_memory_gb(),
        }
        merged = {**renamed, **ours, **measured}
        return {name: None if value is None else float(value) for name, value in merged.items()}


def _check_finite(step: int, logs: dict[str, Any]) -> None:
    """Stop a run whose weights are lost; a later average over numbers that are not there would hide it."""
    broken = [name for name in ("loss", "grad_norm") if not math.isfinite(logs.get(name, 0.0))]
    if broken:
        raise EngineError(
            f"step {step}: {' and '.join(broken)} is not finite, so the policy is lost; lower training.learning_rate or "
            "use model.dtype=float32, and start a new run (checkpoints before this step are intact)"
        )


def peak_gpu_memory_gb() -> dict[str, float]:
    """Measure the most GPU memory that was allocated so far.

    Returns:
        ``memory/peak_gpu_gb`` in gigabytes (10^9 bytes); empty without a GPU.
    """
    if not torch.cuda.is_available():
        return {}
    return {"memory/peak_gpu_gb": torch.cuda.max_memory_allocated() / 1e9}


def peak_memory_gb() -> float:
    """Measure the most memory that this process has held so far.

    Returns:
        Peak resident set in gigabytes (10^9 bytes).
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kibibytes, macOS in bytes.
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
