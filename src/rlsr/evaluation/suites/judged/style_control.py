"""What a judge would say of answers in the style of the baseline: as long, and with as many headers, lists and bold words.

Li et al. 2024, "Does style matter?" (lmsys.org/blog/2024-08-28-style-control), as Arena-Hard v2 applies it to its battles.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CODE = re.compile(r"```[^`]*```")
_MARKS = (
    re.compile(r"^#{1,6}\s", re.MULTILINE),
    re.compile(r"^\s*(?:\d+\.|[-*+])\s", re.MULTILINE),
    re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
)
"""Headers, items of lists, and bold words."""
_WORD = re.compile(r"\w+|[^\w\s]")
_RIDGE = 1e-6
"""Makes the best coefficients finite where the outcomes can be told apart without a mistake."""
_MOST_STEPS = 100
_SMALLEST_STEP = 1e-10


def style_of(text: str) -> Floats:
    """Count what makes the style of an answer.

    Args:
        text: The answer.

    Returns:
        Its words and marks; and headers, items of lists and bold words outside of code.
    """
    prose = _CODE.sub("", text)
    return np.array([len(_WORD.findall(text)), *(len(mark.findall(prose)) for mark in _MARKS)], dtype=np.float64)  # fmt: skip


def style_differences(answers: Sequence[str], baselines: Sequence[str]) -> Floats:
    """Say how the style of answers differs from that of others.

    Args:
        answers: A policy's.
        baselines: To the same prompts.

    Returns:
        (answer, feature), 0 where both are alike: the difference of lengths by their sum, and the differences of headers, items and
        bold words for each word, by their sum and 1.

    Source:
        ``print_leaderboard_with_style_features`` of Arena-Hard-Auto. Lengths are counted in words and marks, not in tokens of gpt-4o.
    """
    ours, theirs = (np.stack([style_of(text) for text in texts]) for texts in (answers, baselines))
    length, other = ours[:, :1], theirs[:, :1]
    lengths = (length - other) / np.maximum(length + other, 1)
    density, density_of_other = ours[:, 1:] / np.maximum(length, 1), theirs[:, 1:] / np.maximum(other, 1)  # fmt: skip
    return np.hstack([lengths, (density - density_of_other) / (density + density_of_other + 1)])


def controlled(differences: Floats, won: Floats, battles: Floats) -> float:
    """Predict the share of battles that would be won by answers in the style of the baseline.

    Args:
        differences: As ``style_differences`` returns them.
        won: Battles won by each answer.
        battles: Battles of each; an answer without any does not count.

    Returns:
        From 0 to 1; NaN without battles.

    Source:
        Logistic regression (Bradley and Terry) of the outcomes on the features, with the policy's strength as the intercept. The
        authors shift each feature to a mean of 0 over the battles of all models of a leaderboard; with one policy that would take out
        the very difference that is to be controlled, so that here 0 is the baseline's own style.
    """
    if battles.sum() == 0:
        return float("nan")
    used = battles > 0
    scale = differences[used].std(axis=0)
    features = np.where(scale > 0, differences / np.where(scale > 0, scale, 1), 0.0)
    design = np.hstack([np.ones((len(features), 1)), features])
    shares = np.divide(won, battles, out=np.zeros(len(won)), where=used)
    return float(_probability(fit(design, shares, battles)[:1])[0])


def fit(features: Floats, targets: Floats, weights: Floats) -> Floats:
    """Fit a logistic regression by Newton's method.

    Args:
        features: (answer, term).
        targets: Probabilities, from 0 to 1.
        weights: Of the answers, not negative.

    Returns:
        One coefficient a term.
    """
    coefficients = np.zeros(features.shape[1])
    for _ in range(_MOST_STEPS):
        found = _probability(features @ coefficients)
        slope = features.T @ (weights * (found - targets)) + _RIDGE * coefficients
        curvature = (features.T * (weights * found * (1 - found))) @ features
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(coefficients)), slope)
        loss = _loss(features, targets, weights, coefficients)
        # A whole step may lead too far where the outcomes are nearly certain.
        while np.abs(step).max() > _SMALLEST_STEP and _loss(features, targets, weights, coefficients - step) > loss:  # fmt: skip
            step = step / 2
        if np.abs(step).max() <= _SMALLEST_STEP:
            break
        coefficients = coefficients - step
    return coefficients


def _loss(features: Floats, targets: Floats, weights: Floats, coefficients: Floats) -> float:
    logits = features @ coefficients
    losses = np.logaddexp(0, logits) - targets * logits
    return float(weights @ losses + _RIDGE / 2 * coefficients @ coefficients)


def _probability(logits: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0, -logits))
    return found
