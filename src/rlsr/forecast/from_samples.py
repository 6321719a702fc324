"""Numbers in, a forecast out: what choosing by the reward does, and what RLSR is expected to give."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlsr.auditing.agreement import spearman_within
from rlsr.auditing.measures import group_spread
from rlsr.forecast.calibration import Calibration, expected_gain
from rlsr.forecast.learning import Learning
from rlsr.forecast.result import UNSEEN, Forecast, MetricEffect, Prompts, RewardSpread
from rlsr.forecast.selection import Floats, mean_of, of_best
from rlsr.forecast.verdict import Evidence, judge
from rlsr.statistics import Estimate, bootstrap_mean


@dataclass(frozen=True)
class MetricScores:
    """One metric of all answers."""

    label: str
    """What it is called within a sentence."""
    digits: int
    """Decimals that it is written with."""
    in_reward: bool
    """Whether the reward has it."""
    greedy: Floats
    """(prompt,) of the most likely answer; NaN is unscored."""
    sampled: Floats
    """(prompt, sample) of the answers at temperature 1."""


@dataclass(frozen=True)
class Samples:
    """Rewards and metrics of a policy's answers."""

    rewards: Floats
    """(prompt, sample), NaN where unscored."""
    metrics: Mapping[str, MetricScores]
    """By name, in the order in which they are shown; ``independent_similarity`` among them."""
    reward: str
    """What the reward is, in words."""
    encoder: str
    """The encoder of ``independent_similarity``, as the config names it."""
    prompts: Prompts
    """What the policy has seen of the prompts."""


@dataclass(frozen=True)
class Intervals:
    """How intervals are made."""

    confidence: float = 0.95
    """Level, in (0, 1)."""
    num_resamples: int = 10_000
    """Bootstrap resamples of the prompts."""


def forecast(
    samples: Samples,
    calibration: Calibration,
    learning: Learning | None = None,
    *,
    intervals: Intervals = Intervals(),
    seconds: float = float("nan"),
) -> Forecast:
    """Say from samples of a policy whether RLSR will raise its unseen similarity.

    Args:
        samples: Rewards and metrics of its answers.
        calibration: What RLSR gave where that is known.
        learning: Whether the SFT that made the policy was still learning; None where that is not known.
        intervals: How intervals are made.
        seconds: Wall-clock that the samples took; NaN where nobody looked.

    Returns:
        The forecast, with intervals over prompts.
    """
    metrics = [
        _effect(name, scores, samples.rewards, intervals)
        for name, scores in samples.metrics.items()
    ]
    metrics.sort(key=lambda effect: (effect.name != UNSEEN, effect.in_reward))
    unseen = metrics[0]
    gain = expected_gain(calibration, unseen.best_minus_greedy, confidence=intervals.confidence)
    evidence = Evidence(unseen.best_minus_greedy, unseen.best_minus_mean, gain)
    num_prompts, num_generations = samples.rewards.shape
    spread = group_spread(samples.rewards, num_resamples=intervals.num_resamples)
    return Forecast(
        judgement=judge(evidence, learning, digits=unseen.digits),
        gain=gain,
        metrics=tuple(metrics),
        spread=RewardSpread(spread.std_within, spread.share_without_signal, spread.noise),
        learning=learning,
        num_prompts=num_prompts,
        num_generations=num_generations,
        confidence=intervals.confidence,
        reward=samples.reward,
        encoder=samples.encoder,
        prompts=samples.prompts,
        warnings=tuple(_warnings(samples, calibration)),
        seconds=seconds,
    )


def _effect(name: str, scores: MetricScores, rewards: Floats, intervals: Intervals) -> MetricEffect:
    best, sampled = of_best(rewards, scores.sampled), mean_of(scores.sampled)
    groups = np.repeat(np.arange(len(rewards)), rewards.shape[1])

    def mean(values: Floats) -> Estimate:
        return bootstrap_mean(
            values, confidence=intervals.confidence, num_resamples=intervals.num_resamples
        )

    return MetricEffect(
        name=name,
        label=scores.label,
        digits=scores.digits,
        in_reward=scores.in_reward,
        greedy=mean(scores.greedy),
        sampled=mean(sampled),
        best=mean(best),
        best_minus_greedy=mean(best - scores.greedy),
        best_minus_mean=mean(best - sampled),
        agreement=spearman_within(
            rewards.reshape(-1),
            scores.sampled.reshape(-1),
            groups,
            num_resamples=intervals.num_resamples,
        ),
    )


def _warnings(samples: Samples, calibration: Calibration) -> list[str]:
    found = []
    if samples.prompts == "trained on":
        found.append(
            "the prompts were trained on, so that the greedy answers are better than they would be to others; SFT with "
            "validation.num_prompts sets prompts aside"
        )
    encoders = {point.encoder for point in calibration.points}
    if encoders != {samples.encoder}:
        found.append(
            f"the gains of the validation points were measured by {' and '.join(sorted(encoders))} and this similarity by "
            f"{samples.encoder}: the sign compares, the size may not"
        )
    return found
