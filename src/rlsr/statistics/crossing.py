"""From when on one curve stays ahead of another, with an interval over prompts and seeds."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlsr.statistics.against_baseline import paired
from rlsr.statistics.crossed import weighted_means
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.resamples import Floats

Direction = Literal["higher", "lower", "near_one"]
"""Which way is better."""


@dataclass(frozen=True)
class Crossing:
    """The earliest time from which a mean stays better than another, as far as both are known."""

    seconds: float | None
    """The time; the first one there is where it is better from the beginning, None where it is not better at the end."""
    low: float | None
    """Lower end of the interval; None where even that lies beyond ``until``."""
    high: float | None
    """Upper end of the interval; None where it lies beyond ``until``."""
    until: float
    """How far both are known."""
    share: float
    """Of the resamples, those in which it is better at the end; NaN where there are too few prompts for an interval, whose
    ends are None then."""


def crossing(
    ours: Floats,
    theirs: Floats,
    times: Floats,
    better: Direction,
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Crossing | None:
    """Find from when on a mean stays better than another.

    A mean that has to be near 1 is better where it is nearer to it. Between the times means are taken for linear.

    Args:
        ours: Scores, (seed, prompt, time).
        theirs: The same of the other side, or one row that stands beside every seed.
        times: In order, without repetition; the last one is how far both are known.
        better: Which way is better.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples of prompts and seeds, crossed.
        seed: Of the resampling.

    Returns:
        The crossing, with quantiles of the resamples' crossings as the ends of its interval, where "not within" is later than
        any time; None where at no time a prompt is scored on both sides.
    """
    factors = _factors(ours, theirs, better)
    scored = ~np.isnan(factors[0])
    kept = scored.any(axis=(0, 1))
    if not kept.any():
        return None
    factors, times = [factor[:, :, kept] for factor in factors], times[kept]
    means = [np.nanmean(factor, axis=(0, 1))[None] for factor in factors]
    found = float(last_not_ahead(times, means)[0])
    until = float(times[-1])
    if scored.any(axis=(0, 2)).sum() < FEWEST_UNITS:
        return Crossing(_within(found), None, None, until, np.nan)
    drawn = np.concatenate(
        [
            last_not_ahead(times, list(resampled))
            for resampled in weighted_means(factors, num_resamples=num_resamples, seed=seed)
        ]
    )
    drawn = drawn[~np.isnan(drawn)]
    tail = (1 - confidence) / 2
    # One of the drawn: between a time and "not within" there is nothing.
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    share = float(np.isfinite(drawn).mean())
    return Crossing(_within(found), _within(float(low)), _within(float(high)), until, share)


def last_not_ahead(times: Floats, factors: list[Floats]) -> Floats:
    """Find the last time at which a product of piecewise linear functions is not positive.

    Args:
        times: In order, without repetition.
        factors: One or two functions, each (resample, time), linear between the times.

    Returns:
        A time a resample; the first of ``times`` where it is positive everywhere, infinity where it is not positive at the
        last one, NaN where a factor is NaN.
    """
    product = np.prod(factors, axis=0)
    last = np.where(product <= 0, times, times[0]).max(axis=1)
    for factor in factors:
        # Positive again behind the root of one of them, or not at all, which the ends of the segments tell.
        last = np.maximum(last, _roots(times, factor).max(axis=1, initial=times[0]))
    last = np.where(product[:, -1] > 0, last, np.inf)
    found: Floats = np.where(np.isnan(product).any(axis=1), np.nan, last)
    return found


def _roots(times: Floats, values: Floats) -> Floats:
    """Find where a piecewise linear function changes its sign, (resample, segment); the first time where it does not."""
    left, right = values[:, :-1], values[:, 1:]
    turns: NDArray[np.bool_] = left * right < 0
    shares = np.divide(left, left - right, out=np.zeros_like(left), where=turns)
    roots: Floats = np.where(turns, times[:-1] + shares * np.diff(times), times[0])
    return roots


def _factors(ours: Floats, theirs: Floats, better: Direction) -> list[Floats]:
    """Name linear functions of the means whose product is positive exactly where ours is better, each (seed, prompt, time)."""
    difference = paired(ours, theirs)
    if better == "near_one":
        # (b - 1)^2 - (a - 1)^2 = (b - a) (b + a - 2)
        return [-difference, ours + theirs - 2]
    return [difference if better == "higher" else -difference]


def _within(seconds: float) -> float | None:
    return seconds if np.isfinite(seconds) else None
