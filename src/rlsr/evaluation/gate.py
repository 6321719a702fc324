"""Is a policy worse than one that was evaluated before, by more than chance explains?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation.kept import KeptEvaluation, KeptMetric, KeptSuite
from rlsr.evaluation.metrics import SharedMetric, primary_metrics
from rlsr.evaluation.suites import HELDOUT
from rlsr.statistics import Estimate, paired_difference, unpaired_difference
from rlsr.statistics.against_baseline import NO_DIFFERENCE, adjusted_confidence, verdict
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import too_few

Floats = NDArray[np.float64]
Choice = tuple[str, str]
"""A suite and a metric."""


@dataclass(frozen=True)
class GatedMetric:
    """One metric that decides."""

    suite: str
    """The suite."""
    metric: KeptMetric
    """As the policy has it now."""
    before: Estimate
    """The mean of the baseline."""
    difference: Estimate
    """Now minus the baseline."""
    is_paired: bool
    """Whether both answered the same prompts, so that the difference is taken prompt by prompt."""

    @property
    def reading(self) -> str:
        """What the interval shows: ``better``, ``worse``, or that no difference is shown."""
        found = verdict(self.difference)
        if found == NO_DIFFERENCE:
            return NO_DIFFERENCE
        return "better" if found == self.metric.better else "worse"


@dataclass(frozen=True)
class Gate:
    """What a policy was held against, and whether it may pass."""

    metrics: tuple[GatedMetric, ...]
    """At least one."""
    confidence: float
    """Level at which all readings hold together."""
    adjusted_confidence: float
    """Level of each interval."""

    @property
    def worse(self) -> tuple[GatedMetric, ...]:
        """The metrics that are worse beyond their interval; the policy passes where there are none."""
        return tuple(one for one in self.metrics if one.reading == "worse")


def choose_metrics(
    baseline: KeptEvaluation, suites: Sequence[str], names: Sequence[str] = ()
) -> list[Choice]:
    """Choose what decides, before anything is asked.

    Args:
        baseline: What the policy will be held against.
        suites: What it will be asked.
        names: Of the metrics; none are the primary ones of each suite of which a direction is better.

    Returns:
        Suites and metrics, in the baseline's order.

    Raises:
        ConfigError: The baseline lacks a suite or a metric, nothing says which way it is better, or its prompts are too few.
    """
    missing = [suite for suite in suites if suite not in baseline.suites]
    if missing:
        raise ConfigError(
            f"--gate: the baseline was not asked {', '.join(missing)}, but {', '.join(baseline.suites)}; leave it out of --suite, or "
            "evaluate the baseline by it, too"
        )
    asked = {name: suite for name, suite in baseline.suites.items() if name in suites}
    chosen = [
        (name, metric)
        for name, suite in asked.items()
        for metric in (_named(suite, names) if names else _primary(suite))
    ]
    unknown = [name for name in names if name not in {metric.name for _, metric in chosen}]
    there = ", ".join(metric.name for suite in asked.values() for metric in suite.metrics)
    if unknown or not chosen:
        what = ", ".join(unknown) or "no primary metric"
        raise ConfigError(f"--gate-metric: must be of the baseline's metrics {there}, got {what}")
    for name, metric in chosen:
        _require_readable(metric, asked[name], name)
    return [(name, metric.name) for name, metric in chosen]


def _named(suite: KeptSuite, names: Sequence[str]) -> list[KeptMetric]:
    return [metric for metric in suite.metrics if metric.name in names]


def _primary(suite: KeptSuite) -> list[KeptMetric]:
    directed = [
        SharedMetric(metric.name, metric.in_reward, metric.better)
        for metric in suite.metrics
        if metric.better in {"higher", "lower"}
    ]
    return _named(suite, [metric.name for metric in primary_metrics(directed)])


def _require_readable(metric: KeptMetric, suite: KeptSuite, name: str) -> None:
    if metric.better not in {"higher", "lower"}:
        best = "is best near 1" if metric.better == "near_one" else "may be better either way"
        raise ConfigError(
            f"--gate-metric: {metric.name} {best}, so that neither more nor less of it is worse; take others"
        )
    if metric.mean.num < FEWEST_UNITS:
        raise ConfigError(
            f"--gate: {too_few(metric.mean.num, f'scored prompts of {name}')} (the baseline's {metric.name}); evaluate the baseline on "
            "more"
        )


def require_same_scorers(
    baseline: KeptEvaluation, chosen: Sequence[Choice], scorers: Mapping[str, str]
) -> None:
    """Refuse to ask a policy what will be scored in another way than the baseline was.

    Args:
        baseline: What it will be held against.
        chosen: What ``choose_metrics`` returned.
        scorers: What the held-out metrics of the policy's config depend on, as ``metric_scorers`` says.

    Raises:
        EvaluationError: One is scored in another way.
    """
    for suite, name in chosen:
        before = baseline.suites[suite].metric(name)
        then = before.scorer if before else None
        if suite == HELDOUT and then is not None and then != scorers.get(name):
            raise _other_scorer(suite, name)


def _other_scorer(suite: str, name: str) -> EvaluationError:
    return EvaluationError(
        f"--gate: {name} of {suite} is not what the baseline's is: it is scored by another reward, encoder or setting, so that the two "
        "cannot be compared; evaluate the baseline anew by this config, or name other metrics with --gate-metric"
    )


def hold_against(now: KeptEvaluation, baseline: KeptEvaluation, chosen: Sequence[Choice]) -> Gate:
    """Hold a policy against a baseline.

    Args:
        now: What the policy's evaluation has found.
        baseline: That of the baseline.
        chosen: What ``choose_metrics`` returned.

    Returns:
        The differences, at a level at which all of them hold together.

    Raises:
        EvaluationError: A metric is scored in another way than the baseline's, or on too few prompts.
    """
    level = adjusted_confidence(now.confidence, len(chosen))
    return Gate(
        tuple(_hold(suite, name, now, baseline, level) for suite, name in chosen),
        now.confidence,
        level,
    )


def _hold(
    suite: str, name: str, now: KeptEvaluation, baseline: KeptEvaluation, level: float
) -> GatedMetric:
    own, others = now.suites[suite], baseline.suites[suite]
    metric, before = own.metric(name), others.metric(name)
    assert before is not None, "it was chosen from the baseline's"
    if metric is None or metric.scorer != before.scorer:
        raise _other_scorer(suite, name)
    is_paired = sorted(own.prompts) == sorted(others.prompts)
    estimate = paired_difference if is_paired else unpaired_difference
    difference = estimate(
        _in_order(others, before) if is_paired else before.values,
        _in_order(own, metric) if is_paired else metric.values,
        confidence=level,
        num_resamples=now.num_resamples,
    )
    if np.isnan(difference.low):
        raise EvaluationError(
            f"--gate: {name} of {suite}: {too_few(difference.num, 'scored prompts')}; ask more, or name other metrics with --gate-metric"
        )
    return GatedMetric(suite, metric, before.mean, difference, is_paired)


def _in_order(suite: KeptSuite, metric: KeptMetric) -> Floats:
    """Sort the scores by the digests of their prompts, which are the same in both evaluations."""
    return metric.values[np.argsort(np.array(suite.prompts), kind="stable")]
