"""How often one policy beats another, prompt by prompt."""

from dataclasses import dataclass

import numpy as np

from rlsr.statistics.against_baseline import paired
from rlsr.statistics.resamples import Floats


@dataclass(frozen=True)
class WinShares:
    """How often a recipe scores higher than the baseline; the shares add up to 1."""

    win: float
    """Share of the scored pairs in which the recipe is higher by more than the margin; NaN if there are none."""
    tie: float
    """Share of those that differ by no more than the margin."""
    loss: float
    """Share of those in which the recipe is lower by more than the margin."""
    margin: float
    """Differences of up to this much are ties."""


def win_shares(scores: Floats, baseline: Floats, margin: float) -> WinShares:
    """Count wins, ties and losses over seeds and prompts.

    Args:
        scores: (seed, prompt) of a metric of which more is better.
        baseline: The same, or one row that is the same for every seed.
        margin: Differences of up to this much are ties, at least 0.

    Returns:
        The shares of the pairs that are scored on both sides.
    """
    differences = paired(scores, baseline)
    known = differences[~np.isnan(differences)]
    if known.size == 0:
        return WinShares(np.nan, np.nan, np.nan, margin)
    return WinShares(
        win=float((known > margin).mean()),
        tie=float((np.abs(known) <= margin).mean()),
        loss=float((known < -margin).mean()),
        margin=margin,
    )
