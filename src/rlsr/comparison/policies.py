"""Policies of plain runs, put side by side as a comparison of recipes is. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rlsr.comparison.result import ComparedRecipe, ComparedRun, Comparison
from rlsr.config import RunConfig
from rlsr.errors import RunError
from rlsr.evaluation.metrics import (
    BUILT_IN,
    SharedMetric,
    describe,
    in_reward,
    metric_scorers,
    primary_metrics,
    shared_metrics,
)
from rlsr.runs.json_file import RESTORE
from rlsr.runs.record import UNTRAINED, Stage
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.typed_json import from_table
from rlsr.statistics import Estimate
from rlsr.statistics.against_baseline import MetricComparison, adjusted_confidence, verdict
from rlsr.statistics.crossed import crossed_mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AnsweringPolicy:
    """A policy whose answers to the held-out prompts are shown."""

    name: str
    """Unique in a report."""
    answers: Mapping[int, tuple[HeldoutRow, ...]]
    """By seed."""
    compared_with: str | None = None
    """The policy that differences are taken from; None for one that others are compared with."""
    stages: Mapping[int, tuple[Stage, ...]] = field(default_factory=dict)
    """What trained it, in order, by seed; empty for a policy before training."""

    @property
    def last_stage(self) -> Stage | None:
        """The run that it came out of, of the first seed; None for a policy before training."""
        return next((stages[-1] for stages in self.stages.values()), None)


def compare_policies(policies: Sequence[AnsweringPolicy]) -> Comparison | None:
    """Put policies side by side.

    Args:
        policies: Those with answers, each after the one that it is compared with.

    Returns:
        Means, and differences from the policy that training began with; None where there are no answers.
    """
    if not policies:
        return None
    by_name = {policy.name: policy for policy in policies}
    starts = {policy.compared_with for policy in policies}
    configs = _configs(policies)
    metrics = _metrics(policies, configs)
    primary = tuple(metric.name for metric in primary_metrics(metrics))
    confidence = configs[0].evaluation.confidence if configs else 0.95
    num_readings = len(primary) * sum(policy.compared_with in by_name for policy in policies)
    level = adjusted_confidence(confidence, num_readings)
    return Comparison(
        origin=None,
        budget=None,
        baseline=next((policy.name for policy in policies if policy.name in starts), ""),
        seeds=(),
        num_prompts=max(len(rows) for policy in policies for rows in policy.answers.values()),
        confidence=confidence,
        adjusted_confidence=level,
        num_comparisons=num_readings,
        metrics=metrics,
        recipes=tuple(
            _recipe(policy, by_name.get(policy.compared_with or ""), metrics, level, is_start=policy.name in starts)
            for policy in policies
        ),
        notes=_notes(metrics, configs),
        primary=primary,
    )  # fmt: skip


def _configs(policies: Sequence[AnsweringPolicy]) -> list[RunConfig]:
    """Read the configs that made the policies, as far as this version knows them."""
    found = (policy.last_stage.known_config for policy in policies if policy.last_stage)
    return [config for config in found if config is not None]


def _metrics(
    policies: Sequence[AnsweringPolicy], configs: Sequence[RunConfig]
) -> tuple[SharedMetric, ...]:
    """List what was measured, in the order of the table and then of the files."""
    rows = [row for policy in policies for answers in policy.answers.values() for row in answers]
    measured = dict.fromkeys(name for row in rows for name in row.scores)
    known = [name for name in BUILT_IN if name in measured]
    return tuple(
        SharedMetric(name, _is_in_reward(name, configs), describe(name).better)
        for name in [*known, *(name for name in measured if name not in BUILT_IN)]
    )


def _is_in_reward(name: str, configs: Sequence[RunConfig]) -> bool:
    if not configs:  # of another version
        return describe(name).of_reward
    return any(in_reward(name, config) for config in configs)


def _notes(metrics: Sequence[SharedMetric], configs: Sequence[RunConfig]) -> tuple[str, ...]:
    """Say which columns are measured by different scales."""
    if not configs:
        return ()
    shared = {metric.name for metric in shared_metrics(configs)}
    known = {name for config in configs for name in metric_scorers(config)}
    differing = [m.name for m in metrics if m.name in known - shared]
    if not differing:
        return ()
    names = ", ".join(describe(name).label for name in differing)
    return (
        f"These runs are scored in different ways: {names}. Compare such numbers within a run only.",
    )


def _recipe(
    policy: AnsweringPolicy,
    start: AnsweringPolicy | None,
    metrics: Sequence[SharedMetric],
    level: float,
    *,
    is_start: bool,
) -> ComparedRecipe:
    primary = primary_metrics(metrics)
    stages = next(iter(policy.stages.values()), ())
    measured = {name for rows in policy.answers.values() for row in rows for name in row.scores}
    return ComparedRecipe(
        policy.name,
        tuple(stage.method for stage in stages if stage.method != UNTRAINED),
        tuple(
            ComparedRun.of_steps(seed, str(own[-1].path), [row for one in own for row in one.steps])
            for seed, own in policy.stages.items()
        ),
        metrics={
            metric.name: _compared(
                policy, start, metric.name, level, is_start=is_start, is_read=metric in primary
            )
            for metric in metrics
            if metric.name in measured
        },
        wins={},
        compared_with=policy.compared_with if start else None,
    )


def _compared(
    policy: AnsweringPolicy,
    start: AnsweringPolicy | None,
    name: str,
    level: float,
    *,
    is_start: bool,
    is_read: bool,
) -> MetricComparison:
    # Seeds that stand side by side here are those of a comparison that is not finished: their mean is all there is to say.
    mean = _plain_mean([row for rows in policy.answers.values() for row in rows], name)
    if start is None:
        return MetricComparison(mean, None, "baseline" if is_start else None)
    (rows,) = policy.answers.values()
    (others,) = start.answers.values()
    told = _told_difference(policy, name, level)
    difference = told or crossed_mean(_differences(others, rows, name), confidence=level)
    return MetricComparison(mean, difference, verdict(difference) if is_read else None)


def _plain_mean(rows: Sequence[HeldoutRow], name: str) -> Estimate:
    values = np.array([row.scores.get(name, np.nan) for row in rows], dtype=np.float64)
    scored = values[~np.isnan(values)]
    mean = float(scored.mean()) if scored.size else np.nan
    return Estimate(mean, np.nan, np.nan, int(scored.size))


def _differences(before: Sequence[HeldoutRow], after: Sequence[HeldoutRow], name: str) -> Floats:
    """Subtract prompt by prompt, where both have the prompt."""
    earlier = {row.key: row.scores.get(name, np.nan) for row in before}
    found = [row.scores.get(name, np.nan) - earlier[row.key] for row in after if row.key in earlier]
    return np.array([found], dtype=np.float64)


def _told_difference(policy: AnsweringPolicy, name: str, level: float) -> Estimate | None:
    """Take what the run wrote down itself at this level; a stage of a pipeline has another start than the policy."""
    (stages,) = policy.stages.values()
    if len(stages) != 1:
        return None
    changes = (stages[0].manifest or {}).get("heldout", [])
    for change in changes if isinstance(changes, list) else []:
        if not isinstance(change, dict) or change.get("name") != name:
            continue
        if not change.get("difference"):
            continue
        try:
            told = from_table(Estimate, change["difference"])
        except ValueError as error:
            file = stages[0].path / "manifest.json"
            raise RunError(f"{file}: damaged: heldout: {name}: {error}; {RESTORE}") from error
        if change.get("confidence") == level:
            return told
    return None
