"""The reference as one more response of its group."""

from typing import NamedTuple

import numpy as np

from rlsr.config.method import AdvantageConfig
from rlsr.methods.advantages import Floats, GroupAdvantages, group_advantages


class AdvantagesWithReferences(NamedTuple):
    """What a rollout and the references of its prompts teach."""

    responses: GroupAdvantages
    """Of the responses; spread and signal of a group are with its reference."""
    references: Floats
    """One a group; 0 for a reference that was not scored or whose group has no signal."""


def advantages_with_references(
    rewards: Floats, reference_rewards: Floats, num_generations: int, config: AdvantageConfig
) -> AdvantagesWithReferences:
    """Compare each response with the others to the same prompt and with its reference, and the reference with them.

    A group whose responses all got the same reward has signal as soon as its reference's is another one.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is left out.
        reference_rewards: What the reward gives the reference of each group; NaN is unscored.
        num_generations: Responses of a prompt.
        config: Scaling, floor, and from where on a group has no signal.

    Returns:
        Advantages that sum to 0 over the responses of every group and its reference.

    Source:
        "S-GRPO: Unified Post-Training for Large Vision-Language Models", whose abstract has the trajectory of the ground truth
        injected into the group. Certainty: the abstract alone; there it gets the highest reward, and only where all responses
        fail. Deviations: it stands in every group, with the reward that it has by the run's own rule.
    """
    groups = rewards.reshape(-1, num_generations)
    both = np.concatenate([groups, reference_rewards[:, None]], axis=1)
    found = group_advantages(both.reshape(-1), num_generations + 1, config)
    advantages = found.advantages.reshape(both.shape)
    learnable = found.learnable.reshape(both.shape)
    responses = GroupAdvantages(
        advantages=advantages[:, :-1].reshape(-1),
        learnable=learnable[:, :-1].reshape(-1),
        group_std=found.group_std,
        has_signal=found.has_signal,
    )
    return AdvantagesWithReferences(responses, advantages[:, -1])
