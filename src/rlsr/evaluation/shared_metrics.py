"""Which held-out metrics mean the same for every recipe, and which of them a reward has seen. No torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.config import RunConfig
from rlsr.config.reward import RepetitionConfig, RewardConfig, SimilarityReward
from rlsr.evaluation.labels import BETTER, Better
from rlsr.rewards import reward_kind


@dataclass(frozen=True)
class SharedMetric:
    """A metric that every recipe is measured by."""

    name: str
    """As in the scores of an evaluation."""
    in_reward: bool
    """Whether a reward of some recipe has it, so that a policy may have been trained on it."""
    better: Better | None
    """Which way is better; None where nothing says so."""


def shared_metrics(configs: Sequence[RunConfig]) -> tuple[SharedMetric, ...]:
    """Find the metrics that are computed in the same way under every config.

    Args:
        configs: Resolved configs.

    Returns:
        The metrics, in the order of an evaluation; what is scored by different rewards or encoders is left out.
    """
    scorers = [metric_scorers(config) for config in configs]
    return tuple(
        SharedMetric(name, any(in_reward(name, config) for config in configs), BETTER.get(name))
        for name, scorer in scorers[0].items()
        if all(other.get(name) == scorer for other in scorers)
    )


def metric_scorers(config: RunConfig) -> dict[str, str]:
    """Say for every metric of an evaluation what its numbers depend on besides the response.

    Args:
        config: A resolved config.

    Returns:
        A text by metric; equal texts are equal scorers. Empty where the evaluation is switched off.
    """
    if not config.evaluation.enabled:
        return {}
    scorers = dict(reward_kind(config).heldout_metrics(config))
    if config.independent_embedding is not None:
        scorers["independent_similarity"] = config.independent_embedding
    rule = _repetition_rule(config.reward).model_dump(exclude={"enabled", "penalty"})
    scorers |= {"chrf": None, "bleu": None, "length_ratio": None, "repetition": rule, "cut": None}
    return {name: json.dumps(scorer, sort_keys=True) for name, scorer in scorers.items()}


def in_reward(name: str, config: RunConfig) -> bool:
    """Say whether a reward has a metric, or what is nearly the same.

    Args:
        name: The metric.
        config: A config with the reward.

    Returns:
        True where a policy that is trained on the reward is trained on the metric. The independent encoder is never the
        reward's; a config refuses that.
    """
    return name in reward_kind(config).seen_metrics(config)


def _repetition_rule(reward: RewardConfig) -> RepetitionConfig:
    return reward.repetition if isinstance(reward, SimilarityReward) else RepetitionConfig()
