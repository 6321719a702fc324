"""The reward on prompts that are neither trained on nor part of the evaluation, for rules that stop training by it."""

from collections.abc import Callable, Sequence

import numpy as np

from rlsr.config import RunConfig
from rlsr.data import PromptRecord
from rlsr.errors import ConfigError
from rlsr.evaluation.generate import greedy_responses
from rlsr.models import Policy
from rlsr.rewards import Reward, RewardBatch


def set_aside(
    records: Sequence[PromptRecord], num_prompts: int, *, seed: int
) -> tuple[list[PromptRecord], list[PromptRecord]]:
    """Take prompts out of the training prompts.

    Args:
        records: The training prompts.
        num_prompts: How many to take.
        seed: Of the choice.

    Returns:
        Those to train on, and those that were taken, both in their order.

    Raises:
        ConfigError: None would be left to train on.
    """
    if num_prompts >= len(records):
        raise ConfigError(
            f"pipeline.sft_stop.heldout_reward.num_prompts: must leave something to train on, got {num_prompts} of "
            f"{len(records)} training prompts; lower it"
        )
    taken = set(np.random.default_rng(seed).permutation(len(records))[:num_prompts].tolist())
    kept = [record for row, record in enumerate(records) if row not in taken]
    return kept, [records[row] for row in sorted(taken)]


def mean_reward(
    records: Sequence[PromptRecord], reward: Reward, config: RunConfig
) -> Callable[[Policy], float]:
    """Make what measures the reward of greedy answers.

    Args:
        records: The prompts.
        reward: Scores the answers.
        config: The resolved config.

    Returns:
        From a policy to the mean over the scored answers; NaN where none was scored.
    """
    limit = config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"

    def measure(policy: Policy) -> float:
        was_training = policy.model.training
        responses, cut = greedy_responses(
            policy,
            records,
            max_response_tokens=limit,
            batch_size=config.evaluation.batch_size,
        )
        policy.model.train(was_training)
        scores = reward.score(
            RewardBatch(records, responses, [not was_cut for was_cut in cut])
        ).scores
        scored = scores[~np.isnan(scores)]
        return float(scored.mean()) if scored.size else float("nan")

    return measure
