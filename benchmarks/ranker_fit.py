"""Weights learnt from pairs of a better and a worse answer to one prompt, none of them below 0."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Transform = Callable[[Floats], Floats]

LEAST = 0.05
"""What a part is raised to before its logarithm is taken, so that one part alone does not decide."""
_RIDGE = 1e-3


def as_they_are(parts: Floats) -> Floats:
    """Leave parts as they are: the score is a weighted mean."""
    return parts


def as_logarithms(parts: Floats) -> Floats:
    """Take logarithms: the score is a product of powers, in which no part makes up for another."""
    return np.log(np.maximum(parts, LEAST))


def pair_differences(parts: Floats, labels: Floats) -> Floats:
    """Subtract the parts of the worse answer from those of the better, for all pairs that differ in their labels."""
    better, worse = np.nonzero(labels[:, None] > labels[None, :])
    return parts[better] - parts[worse]


def learn(sets: Sequence[Sequence[Floats]]) -> Floats:
    """Fit a logistic regression without intercept: how much more likely is the answer with the larger parts the better one?

    Args:
        sets: For each set the differences of each prompt's pairs. Every set counts as much as every other, and within it
            every prompt.

    Returns:
        Weights at least 0 that sum to 1; only their ratios say anything of ranks.

    Source:
        Bradley and Terry 1952, with parts of the answers as covariates, and a ridge on standardised parts.
    """
    kept = [[prompt for prompt in prompts if len(prompt)] for prompts in sets]
    differences = np.concatenate([prompt for prompts in kept for prompt in prompts])
    shares = np.concatenate(
        [
            np.full(len(prompt), 1 / (len(prompt) * len(prompts) * len(kept)))
            for prompts in kept
            for prompt in prompts
        ]
    )
    scale = np.sqrt(shares @ differences**2)
    scale[scale == 0] = 1
    scaled = differences / scale

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = scaled @ weights
        value = shares @ np.logaddexp(0, -margins) + _RIDGE * weights @ weights
        # The slope of log(1 + exp(-margin)), written so that nothing overflows.
        slopes = -shares * 0.5 * (1 - np.tanh(margins / 2))
        return float(value), scaled.T @ slopes + 2 * _RIDGE * weights

    start = np.full(scaled.shape[1], 0.1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start))
    weights: Floats = found.x / scale
    return weights / weights.sum()
