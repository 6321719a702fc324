"""A baseline that knows what was written already: what the reward says of a response up to each place."""

import numpy as np

from rlsr.methods.advantages import Floats

_STEEPNESS = 2.0
"""How fast what a prefix is worth becomes a sign of what the response will be worth. Least squares on 604 responses of a policy of 135M
weights leave .511 of the variance of MiniLM's cosine and .612 of wordllama's at 2.5 and 2.0, and at most .016 more at 1.5 to 3."""


def prefix_weights(positions: Floats, mean_length: float) -> Floats:
    """Say how much of the score of a prefix is a sign of the score of the whole response.

    Args:
        positions: How many tokens the prefixes have, at least 0.
        mean_length: Mean number of tokens of the responses, above 0.

    Returns:
        1 - exp(-2 position / mean length), in [0, 1): the slope of a regression of one on the other has about this form.
    """
    weights: Floats = 1 - np.exp(-_STEEPNESS * positions / mean_length)
    return weights


def prefix_baselines(prefix_scores: Floats, num_generations: int, weights: Floats) -> Floats:
    """Compute what is taken from the advantage of the tokens behind each prefix.

    The score of a response is what its beginning was worth and what its end has added. Tokens behind a prefix have no part in what the
    prefix was worth, which the other responses to the prompt had or had not at the same place, so that it is only noise to them. What is
    taken depends on nothing that the policy does from there on, and the mean of the gradient stays.

    Args:
        prefix_scores: (response, prefix): the score of each response up to the end of each prefix, and that of the whole response where it
            has ended before; the responses to a prompt next to each other. NaN is unscored, and none of a response that takes no part.
        num_generations: Responses to a prompt; divides their number.
        weights: As ``prefix_weights`` returns them, one a prefix.

    Returns:
        (response, prefix): weight times the lead over the mean of the group, in units of the reward; 0 where unscored.

    Source:
        A baseline that depends on the state, Williams 1992 and Sutton et al. 2000, with the reward of the unfinished response in the place
        of a value function; this project's.
    """
    num_responses, num_prefixes = prefix_scores.shape
    groups = prefix_scores.reshape(num_responses // num_generations, num_generations, num_prefixes)
    is_scored = ~np.isnan(groups)
    counts = np.maximum(is_scored.sum(axis=1, keepdims=True), 1)
    means = np.where(is_scored, groups, 0.0).sum(axis=1, keepdims=True) / counts
    leads = np.where(is_scored, groups - means, 0.0)
    return (leads * weights).reshape(num_responses, num_prefixes)
