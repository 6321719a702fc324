"""Compares the policies of plain runs, so that they are shown in the same table as a comparison of recipes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config import RunConfig
from rlsr.evaluation.comparison import crossed_mean, verdict
from rlsr.evaluation.metrics import (
    BUILT_IN,
    SharedMetric,
    describe,
    in_reward,
    metric_scorers,
    shared_metrics,
)
from rlsr.evaluation.statistics import Estimate
from rlsr.report.report_data import Policy
from rlsr.report.results import Column, Results, Score
from rlsr.report.run_data import HeldoutRow, Stage
from rlsr.runs.step_metrics import TRAINED_TOKENS
from rlsr.runs.step_totals import peak_memory_gb, seconds_spent, tokens_trained

Floats = NDArray[np.float64]


def compare_policies(policies: Sequence[Policy]) -> Results | None:
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
    confidence = configs[0].evaluation.confidence if configs else 0.95
    return Results(
        baseline=next((policy.name for policy in policies if policy.name in starts), ""),
        num_prompts=max(len(rows) for policy in policies for rows in policy.answers.values()),
        metrics=metrics,
        columns=tuple(
            _column(policy, by_name.get(policy.compared_with or ""), metrics, confidence, is_start=policy.name in starts)
            for policy in policies
        ),
        confidence=confidence,
        adjusted_confidence=confidence,
        notes=_notes(metrics, configs),
    )  # fmt: skip


def _configs(policies: Sequence[Policy]) -> list[RunConfig]:
    """Read the configs that made the policies, as far as this version knows them."""
    found = (policy.stages[-1].known_config for policy in policies if policy.stages)
    return [config for config in found if config is not None]


def _metrics(policies: Sequence[Policy], configs: Sequence[RunConfig]) -> tuple[SharedMetric, ...]:
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


def _column(
    policy: Policy,
    start: Policy | None,
    metrics: Sequence[SharedMetric],
    confidence: float,
    *,
    is_start: bool,
) -> Column:
    steps = [row.values for stage in policy.stages for row in stage.steps]
    measured = {name for rows in policy.answers.values() for row in rows for name in row.scores}
    return Column(
        name=policy.name,
        remark=" then ".join(stage.method for stage in policy.stages),
        scores={
            metric.name: _score(policy, start, metric.name, confidence, is_start=is_start)
            for metric in metrics
            if metric.name in measured
        },
        compared_with=policy.compared_with if start else None,
        seconds=seconds_spent(steps) if steps else None,
        tokens=float(tokens_trained(steps)) if any(TRAINED_TOKENS in step for step in steps) else None,
        num_steps=float(len(steps)) if steps else None,
        peak_memory_gb=peak_memory_gb(steps),
    )  # fmt: skip


def _score(
    policy: Policy, start: Policy | None, name: str, confidence: float, *, is_start: bool
) -> Score:
    # Seeds that stand side by side here are those of a comparison that is not finished: their mean is all there is to say.
    values = np.concatenate([_scores(rows, name) for rows in policy.answers.values()])
    if start is None:
        return Score(_plain_mean(values), None, "baseline" if is_start else "")
    (rows,) = policy.answers.values()
    (others,) = start.answers.values()
    told = _told_difference(policy, name)
    difference = told or crossed_mean(_differences(others, rows, name), confidence=confidence)
    shows = "" if np.isnan(difference.low) else verdict(difference)
    return Score(_plain_mean(values), difference, shows)


def _scores(rows: Sequence[HeldoutRow], name: str) -> Floats:
    return np.array([row.scores.get(name, np.nan) for row in rows], dtype=np.float64)


def _differences(before: Sequence[HeldoutRow], after: Sequence[HeldoutRow], name: str) -> Floats:
    """Subtract prompt by prompt, where both have the prompt."""
    earlier = {row.key: row.scores.get(name, np.nan) for row in before}
    found = [row.scores.get(name, np.nan) - earlier[row.key] for row in after if row.key in earlier]
    return np.array([found], dtype=np.float64)


def _told_difference(policy: Policy, name: str) -> Estimate | None:
    """Take the difference that the run wrote down itself; a stage of a pipeline has another start than the policy."""
    if len(policy.stages) != 1:
        return None
    for change in _changes(policy.stages[0]):
        difference = change.get("difference")
        if change.get("name") == name and isinstance(difference, dict):
            ends = [difference.get(key) for key in ("mean", "low", "high")]
            mean, low, high = (np.nan if end is None else float(end) for end in ends)
            return Estimate(mean, low, high, int(difference.get("num", 0)))
    return None


def _changes(stage: Stage) -> list[dict[str, Any]]:
    changes = (stage.manifest or {}).get("heldout", [])
    found = changes if isinstance(changes, list) else []
    return [change for change in found if isinstance(change, dict)]


def _plain_mean(values: Floats) -> Estimate:
    scored = values[~np.isnan(values)]
    mean = float(scored.mean()) if scored.size else np.nan
    return Estimate(mean, np.nan, np.nan, int(scored.size))
