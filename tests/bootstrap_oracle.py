"""Plain ways to compute what statistics and measures compute at once, and data for them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rlsr.statistics import Estimate

NAN = float("nan")
Floats = NDArray[np.float64]


def plain_interval(
    statistic: Callable[[NDArray[np.int64]], float], units: int, resamples: int = 1000
) -> tuple[float, float]:
    """The plainest bootstrap: draw, compute from the drawn rows, take quantiles."""
    rng = np.random.default_rng(99)
    drawn = [statistic(rng.integers(units, size=units)) for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def is_close_to(found: Estimate, interval: tuple[float, float], share: float = 0.06) -> bool:
    """Whether an interval differs from another by no more than a share of its width."""
    width = interval[1] - interval[0]
    return (
        abs(found.low - interval[0]) < share * width
        and abs(found.high - interval[1]) < share * width
    )


def counted_auc(positive: Floats, negative: Floats) -> float:
    """The share of pairs in order, pair by pair."""
    if len(positive) == 0 or len(negative) == 0:
        return NAN
    ahead = positive[:, None] - negative
    return float(((ahead > 0) + 0.5 * (ahead == 0)).mean())


def judged(seed: int, prompts: int, size: int) -> tuple[Floats, Floats, Floats]:
    """Scores that agree with judgements of 1 to 3 about half, on prompts of different levels."""
    rng = np.random.default_rng(seed)
    judgements = rng.integers(1, 4, size=prompts * size).astype(np.float64)
    groups = np.repeat(np.arange(prompts, dtype=np.float64), size)
    scores = np.round(0.7 * judgements + 3 * groups % 5 + rng.normal(size=judgements.size), 1)
    order = rng.permutation(judgements.size)
    return scores[order], judgements[order], groups[order]


def scores_by_seed(
    num_seeds: int, num_prompts: int, *, seed: int, seed_spread: float = 0.1, missing: float = 0.0
) -> Floats:
    """Scores, (seed, prompt), that differ between seeds, between prompts, and in each cell."""
    rng = np.random.default_rng(seed)
    scores = (
        0.5
        + rng.normal(0, seed_spread, size=(num_seeds, 1))
        + rng.normal(0, 0.3, size=(1, num_prompts))
        + rng.normal(0, 0.2, size=(num_seeds, num_prompts))
    )
    scores[rng.random(scores.shape) < missing] = NAN
    return scores
