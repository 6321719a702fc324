"""What is written, shown, measured and decided after every optimiser step, whatever trainer took it."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np

from rlsr.engines.along_the_way import evaluates_after
from rlsr.engines.best_weights import BestWeights
from rlsr.engines.job import TrainingJob
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.stopping import (
    require_scores,
    require_updates,
    share_of_budget,
    stop_reason,
    validates_after,
)
from rlsr.engines.undisturbed import undisturbed
from rlsr.models import Policy
from rlsr.models.forms import form_of
from rlsr.monitors import require_sound
from rlsr.monitors.monitor import Finding, Level
from rlsr.monitors.watch import level_columns, look, watched
from rlsr.remote.spending import NOTHING_ASKED, spent_so_far
from rlsr.rewards.protocol import Scores
from rlsr.runs.along_the_way import name_of_step
from rlsr.runs.rows import ValidationRow
from rlsr.runs.step_metrics import (
    BUDGET_SHARE,
    JUDGE_CACHED,
    JUDGE_CALLS,
    JUDGE_TOKENS,
    VALIDATION_BEHIND,
    VALIDATION_SECONDS,
)
from rlsr.runs.validation import (
    MEASURES,
    Measurement,
    best_measurement,
    kept_measurement,
    standard_errors_behind,
)


class StepLog:
    """Writes ``metrics.jsonl`` and ``samples/``, tells the observer, keeps the best weights, and says where a rule ends training.

    Args:
        job: What is trained; in several processes the first one's clock decides.
        observer: Who watches.
    """

    def __init__(self, job: TrainingJob, observer: TrainingObserver) -> None:
        self._job = job
        self._observer = observer
        self._rows: list[dict[str, Any]] = []
        self._saved: int | None = None
        self._measured: dict[int, Scores] = {}
        self._best = BestWeights(job.run.best, job.config.training.keep_checkpoints)
        self._monitors = watched(job.config)
        self._said: dict[str, Level] = {}

    def go_on_from(self, step: int) -> str | None:
        """Read what the run has behind it.

        Args:
            step: The last one that counts; 0 for a new run.

        Returns:
            Why a rule had ended training there, in words; None where it goes on.

        Raises:
            EngineError: The best weights so far are gone or damaged.
        """
        job = self._job
        self._saved = step or None
        rows = [row for row in job.run.read_metrics() if row["step"] <= step]
        # Another process may see a shared directory later.
        self._rows = job.processes.from_main(rows)
        if job.validate is not None and job.processes.is_main:
            if step:
                kept = self._kept(self._rows)
                self._best.go_on_from(None if kept is None else kept.step)
            self._measured = {
                row.step: np.array(row.scores)
                for row in job.run.read_validation()
                if row.step <= step
            }
        return stop_reason(self._rows, job.config, job.place.earlier)

    def begin(self, step: int, policy: Callable[[], Policy]) -> None:
        """Begin training, or go on with it; the policy before the first step is measured like those after it.

        Args:
            step: The last one that was taken.
            policy: Gives the policy as it is.

        Raises:
            EngineError: The best weights so far are gone or damaged.
        """
        self.go_on_from(step)
        job = self._job
        if step or job.validate is None:
            return
        if not self._rows:
            row = {"step": 0, **self._validate(0, policy)}
            self._rows.append(row)
            job.run.append_metrics(row)
            self._show(0, row)
        if not job.processes.is_main:
            return
        if not self._best.has(0):
            self._keep(0, policy)
        self._best.go_on_from(0)

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
            policy: Gives the policy after the step, where it is measured.

        Returns:
            Why a rule ends training here, in words; None where it goes on.

        Raises:
            EngineError: The policy is lost, or no update was finite in several steps.
            RewardError: The reward leaves too much unscored.
        """
        job = self._job
        # The rows of a long run stay in memory; their names, most of them put together anew in each step, do so once.
        row: dict[str, Any] = {"step": step} | {intern(name): metrics[name] for name in metrics}
        rows = [*self._rows, row]
        require_sound(rows)
        if job.validate is not None and (validates_after(step, job.config) or self._is_last(rows)):
            row |= self._validate(step, policy)
        found = look(rows, self._monitors)
        row |= level_columns(found) | _spent()
        self._rows = rows
        job.run.append_metrics(row)
        if samples:
            job.run.write_samples(step, samples)
        reason = job.processes.from_main(stop_reason(self._rows, job.config, job.place.earlier))
        is_last = reason is not None or step == job.num_steps
        require_scores(self._rows, job.config, is_last=is_last)
        require_updates(self._rows, self._saved, job.run.checkpoints)
        kept_quiet = level_columns([one for one in found if one.watched.action == "log"])
        self._show(step, {name: row[name] for name in row if name not in kept_quiet})
        self._tell(found)
        self._answer_heldout(step, policy)
        return reason

    def _show(self, step: int, row: Mapping[str, Any]) -> None:
        """Show a step, or the measurement before the first, with how much of the budget is used by then."""
        job = self._job
        share = share_of_budget(self._rows, job.config, job.place.earlier)
        shown = {name: value for name, value in row.items() if name != "step"}
        self._observer.on_step(step, job.num_steps, {**shown, BUDGET_SHARE: share})

    def _tell(self, found: Sequence[Finding]) -> None:
        """Say what monitors have found where it is worse than what was said before."""
        for finding in found:
            if finding.watched.action != "log" and finding.level > self._said.get(
                finding.name, Level.OK
            ):
                self._said[finding.name] = finding.level
                self._observer.on_finding(
                    finding.level.name.lower(), f"{finding.name}: {finding.in_words}"
                )

    @property
    def last_step(self) -> int:
        """The last step whose numbers are written; 0 before the first."""
        return int(self._rows[-1]["step"]) if self._rows else 0

    @property
    def saved_step(self) -> int | None:
        """The step of the newest checkpoint; None where there is none."""
        return self._saved

    def on_checkpoint(self) -> None:
        """Hear that a checkpoint is whole, from which the run could go on."""
        self._saved = self._rows[-1]["step"]
        if self._job.validate is not None and self._job.processes.is_main:
            self._best.on_checkpoint()

    def save_final(self, policy: Policy, final: Path) -> None:
        """Write the trained model: the best weights where validation has chosen some, else the last; in the main process.

        Args:
            policy: After the last step.
            final: Where to.
        """
        if self._job.validate is None or self._kept(self._rows) is None:
            form_of(self._job.config.method).save(policy, final)
        else:
            self._best.copy_to(final)

    def _is_last(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        job = self._job
        ends = rows[-1]["step"] == job.num_steps
        reason = stop_reason(rows, job.config, job.place.earlier)
        return job.processes.from_main(ends or reason is not None)

    def _validate(self, step: int, policy: Callable[[], Policy]) -> dict[str, float | None]:
        """Measure the policy, and keep its weights where they are the best so far, or not to be told from the best."""
        job, measured = self._job, policy()
        assert job.validate is not None, "asked before"
        started = time.perf_counter()
        with undisturbed(measured.model):
            scores = job.validate(measured)
        seconds = time.perf_counter() - started
        # To the observer None is what was not scored.
        columns = {MEASURES[name].column: _mean(values) for name, values in scores.items()}
        columns |= self._behind(step, scores[job.config.validation_metric])
        kept = self._kept([*self._rows, {"step": step, **columns}])
        if job.processes.is_main and kept is not None and kept.step == step:
            self._keep(step, policy)
        return {**columns, VALIDATION_SECONDS: seconds}

    def _behind(self, step: int, scores: Scores) -> dict[str, float | None]:
        """Say how far a measurement is behind the best so far; only the main process knows the numbers of each prompt."""
        job, metric = self._job, self._job.config.validation_metric
        best, behind = best_measurement(self._rows, metric), None
        if job.processes.is_main:
            if best is not None and best.step in self._measured:
                lower = MEASURES[metric].lower_is_better
                behind = standard_errors_behind(
                    scores, self._measured[best.step], lower_is_better=lower
                )
            self._measured[step] = scores
            job.run.append_validation(ValidationRow(step, tuple(map(float, scores))))
        behind = job.processes.from_main(behind)
        return {} if behind is None else {VALIDATION_BEHIND: behind}

    def _kept(self, rows: Sequence[Mapping[str, Any]]) -> Measurement | None:
        config = self._job.config
        return kept_measurement(rows, config.validation_metric, config.validation.tolerance)

    def _keep(self, step: int, policy: Callable[[], Policy]) -> None:
        save = form_of(self._job.config.method).save
        self._best.keep(step, lambda directory: save(policy(), directory))

    def _answer_heldout(self, step: int, policy: Callable[[], Policy]) -> None:
        """Let the policy answer held-out prompts where the step has reached a share of the budget."""
        job, name = self._job, name_of_step(step)
        if job.answer_heldout is None:
            return
        is_due = evaluates_after(self._rows, job.config, job.place, job.num_steps)
        # A step that a resumed run takes again gives the same policy.
        is_due = is_due and not job.run.evaluation_file(name).is_file()
        if job.processes.from_main(is_due):
            answering = policy()
            with undisturbed(answering.model):
                job.run.write_evaluation(name, job.answer_heldout(answering))


def _mean(scores: Scores) -> float | None:
    scored = scores[~np.isnan(scores)]
    return float(scored.mean()) if scored.size else None


def _spent() -> dict[str, float]:
    """Say what was asked of servers so far, where anything was."""
    spent = spent_so_far()
    if spent == NOTHING_ASKED:
        return {}
    return {
        JUDGE_CALLS: float(spent.calls),
        JUDGE_TOKENS: float(spent.tokens),
        JUDGE_CACHED: float(spent.cached),
    }
