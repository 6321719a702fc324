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
    measures_heldout,
    require_scores,
    share_of_budget,
    stop_reason,
)
from rlsr.engines.trl.host import HostOverrides, take_phase_seconds
from rlsr.engines.trl.logged_numbers import logged_numbers
from rlsr.monitors import require_sound
from rlsr.processes import ALONE, Processes
from rlsr.runs import RunDirectory
from rlsr.runs.step_metrics import (
    BUDGET_SHARE,
    HELDOUT_REWARD,
    HELDOUT_SECONDS,
    PEAK_MEMORY,
    STEP_PHASES,
    STEP_SECONDS,
    TRAINED_TOKENS,
)

PHASES = STEP_PHASES[:-1]
"""The parts of a step whose time trainers take; the rest is the update."""


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
        metrics = self._metrics(logs, trainer)
        require_sound([*self._rows, {"step": step, **metrics}])
        if self._measure_heldout is not None and measures_heldout(step, self._config):
            started = time.perf_counter()
            # The others wait for it below.
            is_main = self._processes.is_main
            reward = self._measure_heldout(trainer.model) if is_main else math.nan
            # As a resumed run reads it back.
            metrics[HELDOUT_REWARD] = None if math.isnan(reward) else reward
            metrics[HELDOUT_SECONDS] = time.perf_counter() - started
        self._rows.append({"step": step, **metrics})
        self._run.append_metrics(self._rows[-1])
        samples = trainer.sample_rows(self._config.training.sample_groups)
        if samples:
            self._run.write_samples(step, samples)
        require_scores(self._rows, self._config)
        share = share_of_budget(self._rows, self._config.training)
        self._observer.on_step(step, int(state.max_steps), {**metrics, BUDGET_SHARE: share})
        if self._processes.from_main(stop_reason(self._rows, self._config)) is not None:
            control.should_training_stop = control.should_save = True

    def _metrics(self, logs: dict[str, Any], trainer: HostOverrides) -> dict[str, float | None]:
        phases = take_phase_seconds(trainer, PHASES)
        seconds = self._step_seconds
        update = max(seconds - sum(phases.values()), 0.0)
        tokens = trainer.num_step_tokens
        return {
            **logged_numbers(logs),
            TRAINED_TOKENS: float(trainer.over_processes(trainer.num_trained_tokens)),
            "tokens/per_second": tokens / seconds if seconds > 0 else math.nan,
            STEP_SECONDS: seconds,
            **{f"time/{phase}": value for phase, value in phases.items()},
            "time/update": update,
            PEAK_MEMORY: peak_memory_gb(),
            **peak_gpu_memory_gb(),
        }


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
