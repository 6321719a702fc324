"""What a reward measures itself, before its rules that give fixed scores."""

from functools import partial
from typing import Any

from rlsr.config import RunConfig
from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards import reward_kind
from rlsr.rewards.protocol import Scores


def reward_scorer(name: str, config: RunConfig) -> Any:
    """Say what the numbers of a metric depend on that comes from the reward.

    Args:
        name: The metric.
        config: The config of a run.

    Returns:
        What the reward's kind says; None where the reward does not give the metric.
    """
    return reward_kind(config).heldout_metrics(config).get(name)


def measured_by_reward(name: str, **shown: Any) -> Metric:
    """Describe a metric that a reward gives itself.

    Args:
        name: As in ``RewardResult.heldout``.
        **shown: How it is shown, as in ``Metric``.

    Returns:
        The metric, which is measured where the run's reward gives it.
    """
    return Metric(
        name, partial(_take, name), of_reward=True, scorer=partial(reward_scorer, name), **shown
    )


def _take(name: str, batch: HeldoutBatch) -> Scores:
    return batch.result.heldout[name]


def _reward(batch: HeldoutBatch) -> Scores:
    return batch.result.heldout.get("reward", batch.result.scores)


METRICS = (
    Metric(
        "reward",
        _reward,
        label="the reward, without its rules",
        short_label="reward",
        better="higher",
        rank=70,
        of_reward=True,
        scorer=partial(reward_scorer, "reward"),
    ),
    measured_by_reward(
        "similarity",
        label="similarity by the reward's encoder",
        short_label="similarity",
        better="higher",
        rank=80,
    ),
    measured_by_reward("logic", label="logic similarity", better="higher", rank=30),
)
