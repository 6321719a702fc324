"""What is written, shown and decided after every optimiser step, whatever trainer took it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlsr.engines.job import TrainingJob
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.stopping import (
    measures_heldout,
    require_scores,
    share_of_budget,
    stop_reason,
)
from rlsr.models import Policy
from rlsr.monitors import require_sound
from rlsr.runs.step_metrics import BUDGET_SHARE, HELDOUT_REWARD, HELDOUT_SECONDS


class StepLog:
    """Writes ``metrics.jsonl`` and ``samples/``, tells the observer, and says where a rule ends training.

    Args:
        job: What is trained; in several processes the first one's clock decides.
        observer: Who watches.
    """

    def __init__(self, job: TrainingJob, observer: TrainingObserver) -> None:
        self._job = job
        self._observer = observer
        self._rows: list[dict[str, Any]] = []

    def go_on_from(self, step: int) -> str | None:
        """Read what the run has behind it.

        Args:
            step: The last one that counts; 0 for a new run.

        Returns:
            Why a rule had ended training there, in words; None where it goes on.
        """
        self._rows = [row for row in self._job.run.read_metrics() if row["step"] <= step]
        return stop_reason(self._rows, self._job.config)

    def add(
        self,
        step: int,
        metrics: Mapping[str, float | None],
        samples: Sequence[Mapping[str, Any]],
        policy: Callable[[], Policy],
    ) -> str | None:
        """Write the numbers and the samples of the step that has just ended.

        Args:
            step: Counted from 1.
            metrics: Its numbers, as ``metrics.jsonl`` names them.
            samples: Responses of its rollout that are kept for people, a row each.
            policy: Gives the policy after the step, for a stopping rule that measures it.

        Returns:
            Why a rule ends training here, in words; None where it goes on.

        Raises:
            EngineError: The policy is lost.
            RewardError: The reward leaves too much unscored.
        """
        job = self._job
        require_sound([*self._rows, {"step": step, **metrics}])
        row = {**metrics, **self._measure(step, policy)}
        self._rows.append({"step": step, **row})
        job.run.append_metrics(self._rows[-1])
        if samples:
            job.run.write_samples(step, samples)
        require_scores(self._rows, job.config)
        share = share_of_budget(self._rows, job.config.training)
        self._observer.on_step(step, job.num_steps, {**row, BUDGET_SHARE: share})
        return job.processes.from_main(stop_reason(self._rows, job.config))

    def _measure(self, step: int, policy: Callable[[], Policy]) -> dict[str, float | None]:
        """Measure the held-out reward where it is due."""
        job = self._job
        if job.measure_heldout is None or not measures_heldout(step, job.config):
            return {}
        started = time.perf_counter()
        # The other processes wait for the reason to stop.
        reward = job.measure_heldout(policy()) if job.processes.is_main else math.nan
        return {
            # To the observer None is what was not scored.
            HELDOUT_REWARD: None if math.isnan(reward) else reward,
            HELDOUT_SECONDS: time.perf_counter() - started,
        }
