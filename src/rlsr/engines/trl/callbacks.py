"""What is written and shown after every optimiser step."""

import math
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback

from rlsr.config.run import RunConfig
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.stopping import (
    HELDOUT_REWARD,
    measures_heldout,
    require_scores,
    share_of_budget,
    stop_reason,
)
from rlsr.engines.trl.host import HostOverrides, take_phase_seconds
from rlsr.errors import EngineError
from rlsr.processes import ALONE, Processes
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

OUR_HEADS = ("reward/", "advantage/", "length/", "optim/", "preference/")
"""Numbers that came from us in the first place keep their names."""


class StepRecorder(TrainerCallback):
    """Writes ``metrics.jsonl`` and ``samples/``, tells the observer, and ends training where a rule says so.

    Args:
        run: Where to.
        config: The resolved config.
        observer: Who watches.
        measure_heldout: Measures the reward of a policy on prompts that are not trained on; None where no rule asks for it.
        processes: Those that train together; the first one's clock decides.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: RunConfig,
        observer: TrainingObserver,
        measure_heldout: Callable[[Any], float] | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self._run = run
        self._config = config
        self._observer = observer
        self._measure_heldout = measure_heldout
        self._processes = processes
        self._started = 0.0
        self._step_seconds = 0.0
        self._rows: list[dict[str, Any]] = []
        # Set once the trainer exists; TRL wants its callbacks before that.
        self.trainer: HostOverrides | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Read what a run that is resumed has behind it."""
        self._rows = [row for row in self._run.read_metrics() if row["step"] <= state.global_step]

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
        step = int(state.global_step)
        _check_finite(step, logs)
        metrics = self._metrics(logs, trainer)
        if self._measure_heldout is not None and measures_heldout(step, self._config):
            started = time.perf_counter()
            # The others wait for it below.
            is_main = self._processes.is_main
            reward = self._measure_heldout(trainer.model) if is_main else math.nan
            # As a resumed run reads it back.
            metrics[HELDOUT_REWARD] = None if math.isnan(reward) else reward
            metrics["time/heldout"] = time.perf_counter() - started
        self._rows.append({"step": step, **metrics})
        self._run.append_metrics(self._rows[-1])
        samples = trainer.sample_rows(self._config.training.sample_groups)
        if samples:
            self._run.write_samples(step, samples)
        require_scores(self._rows, self._config)
        share = share_of_budget(self._rows, self._config.training)
        self._observer.on_step(step, int(state.max_steps), {**metrics, "budget/share": share})
        if self._processes.from_main(stop_reason(self._rows, self._config)) is not None:
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
