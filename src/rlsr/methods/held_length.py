"""The mean length of responses, held at that of their references while single responses may be longer or shorter.

A step of few responses says little about length, so that the mean length of a policy walks by chance, and with it all that depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlsr.methods.advantages import Floats

FARTHEST = 1.5
"""Logarithm of a ratio that counts as no farther than this, 4.5 times as long or as short: one response that rambles is not the mean."""
SMOOTHING = 0.8
"""Share of the level that the steps before a step decide: the mean of some nine steps, since the few prompts of one make it noisy."""


def log_length_ratios(
    responses: Sequence[str], references: Sequence[Sequence[str]], *, longest: float = np.inf
) -> Floats:
    """Compare the length of each response to that of its reference.

    Args:
        responses: What the policy wrote.
        references: The references of each; of several their mean length counts.
        longest: Characters that a response can have before it is cut; longer references count as this long, since a policy that
            is held at what it cannot write would learn to be cut.

    Returns:
        Logarithms of the ratios of characters, within ``FARTHEST`` of 0; an empty text counts as one character.
    """
    wanted = [min(float(np.mean([len(text) for text in own])), longest) for own in references]
    written = [len(response) for response in responses]
    ratios = np.log(np.maximum(written, 1)) - np.log(np.maximum(wanted, 1.0))
    found: Floats = np.clip(ratios, -FARTHEST, FARTHEST)
    return found


def longest_writable(responses: Sequence[str], num_tokens: Sequence[int], max_tokens: int) -> float:
    """Estimate how many characters a response can have.

    Args:
        responses: What the policy wrote.
        num_tokens: Tokens of each.
        max_tokens: Where a response is cut.

    Returns:
        So many tokens of as many characters as those of the responses have on average.
    """
    return max_tokens * sum(map(len, responses)) / max(sum(num_tokens), 1)


@dataclass(frozen=True)
class LengthLevel:
    """The mean of ``log_length_ratios`` over the last steps, later ones counting more."""

    total: float = 0.0
    """Of the means of the steps, each times its weight."""
    weight: float = 0.0
    """Of all steps; below 1 while there are few."""

    def after(self, ratios: Floats) -> "LengthLevel":
        """Add a step with at least one response."""
        share = 1 - SMOOTHING
        return LengthLevel(
            total=SMOOTHING * self.total + share * float(ratios.mean()),
            weight=SMOOTHING * self.weight + share,
        )

    @property
    def value(self) -> float:
        """The mean; 0 before the first step."""
        return self.total / self.weight if self.weight else 0.0


def hold_length(
    rewards: Floats, ratios: Floats, num_generations: int, *, level: float, strength: float
) -> Floats:
    """Let responses that carry the mean length further away count for less, and those that bring it back for more.

    What is maximised beside the reward is ``-strength / 2 * m**2`` with m the mean of the log ratio over the policy's responses. Its
    gradient is that of a reward of ``-strength * m * ratio``, where ``level`` estimates m.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored and stays so.
        ratios: As of ``log_length_ratios``, of the same responses.
        num_generations: Responses of a prompt.
        level: Their mean over the last steps, as ``LengthLevel.value`` has it.
        strength: In units of the reward, 0 or more.

    Returns:
        The rewards that are compared. Groups whose rewards are all the same stay as they are: they have nothing to teach, and length
        alone would be all of it.
    """
    groups = rewards.reshape(-1, num_generations)
    spread = np.fmax.reduce(groups, axis=1, keepdims=True) - np.fmin.reduce(
        groups, axis=1, keepdims=True
    )
    held = groups - strength * level * ratios.reshape(groups.shape)
    return np.where(spread > 0, held, groups).reshape(-1)
