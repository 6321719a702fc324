"""Which held-out metrics mean the same for every recipe, and which of them a reward has seen. No torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.config import RunConfig
from rlsr.config.reward import LogicReward, RepetitionConfig, RewardConfig
from rlsr.evaluation.labels import BETTER, Better

_WAYS_OF_ASKING = {"batch_size", "api_key_env", "timeout_s", "retries", "concurrency"}


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
        SharedMetric(
            name, any(in_reward(name, config.reward) for config in configs), BETTER.get(name)
        )
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
    reward, encoder = config.reward, config.embedding.model_dump()
    scorers: dict[str, Any]
    if isinstance(reward, LogicReward):
        whole = reward.model_dump(exclude={"translator"}) | {
            "unparsable": reward.resolved_unparsable,
            "translator": _translations(reward),
        }
        read = [reward.limits.model_dump(), whole["translator"]]
        scorers = {
            "reward": whole,
            "logic": whole,
            "parsed": read,
            "equivalent": read,
        }
    else:
        # Both are taken before the rules for repeated and empty responses.
        seen = [reward.text, encoder]
        scorers = {"reward": [reward.similarity.model_dump(), *seen], "similarity": seen}
    if config.independent_embedding is not None:
        scorers["independent_similarity"] = config.independent_embedding
    rule = _repetition_rule(reward).model_dump(exclude={"enabled", "penalty"})
    scorers |= {"chrf": None, "bleu": None, "length_ratio": None, "repetition": rule, "cut": None}
    return {name: json.dumps(scorer, sort_keys=True) for name, scorer in scorers.items()}


def in_reward(name: str, reward: RewardConfig) -> bool:
    """Say whether a reward has a metric, or what is nearly the same.

    Args:
        name: The metric.
        reward: What the reward is made of.

    Returns:
        True where a policy that is trained on the reward is trained on the metric. The independent encoder is never the
        reward's; a config refuses that.
    """
    if name in {"reward", "similarity", "logic", "parsed", "equivalent"}:
        return True
    if isinstance(reward, LogicReward):
        # The reward's BLEU is that of formulas; the metric is that of the texts.
        return name == "bleu" and reward.bleu_share > 0 and reward.translator is None
    if name == "chrf":
        return reward.similarity.variant == "blend"
    return name == "repetition" and reward.repetition.enabled


def _translations(reward: LogicReward) -> dict[str, Any] | None:
    """Pick what decides which formulas are compared; how fast they are made does not."""
    if reward.translator is None:
        return None
    return reward.translator.model_dump(exclude=_WAYS_OF_ASKING)


def _repetition_rule(reward: RewardConfig) -> RepetitionConfig:
    return RepetitionConfig() if isinstance(reward, LogicReward) else reward.repetition
