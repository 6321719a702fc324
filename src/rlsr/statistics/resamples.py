"""Thousands of resamples at once.

A resample is kept as the number of times that it holds each unit (a prompt, a seed, a row), so that a statistic is
computed for many resamples with a few operations on a table, (resample, unit).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[Any]
"""Numbers or names; what has equal ones belongs to one group."""

_MOST_CELLS = 1_000_000  # of the tables of one batch of resamples: 8 MB each


def resamples(
    sizes: Sequence[int], num_resamples: int, *, cells: float, seed: int
) -> Iterator[list[Floats]]:
    """Draw the units of some samples with replacement, each sample apart.

    Args:
        sizes: Number of units of each sample.
        num_resamples: How often to draw.
        cells: How many numbers the caller keeps for one resample; bounds the memory.
        seed: Of the drawing.

    Yields:
        How often each unit was drawn, one table a sample, (resample, unit), for a batch of resamples.
    """
    rng = np.random.default_rng(seed)
    batch = max(1, int(_MOST_CELLS / cells))
    for done in range(0, num_resamples, batch):
        rows = min(batch, num_resamples - done)
        yield [_draw_counts(rows, size, rng) for size in sizes]


def _draw_counts(rows: int, size: int, rng: np.random.Generator) -> Floats:
    """Draw ``size`` units with replacement, ``rows`` times, and count how often each was drawn."""
    drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
    counts = np.bincount(drawn.reshape(-1), minlength=rows * size)
    return counts.reshape(rows, size).astype(np.float64)


def ratio(numerators: Floats, denominators: Floats) -> Floats:
    """Divide; NaN where the denominator is 0."""
    quotients: Floats = np.divide(
        numerators, denominators, out=np.full(len(numerators), np.nan), where=denominators > 0
    )
    return quotients
