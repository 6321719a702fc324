"""Numbers and estimates as people read them."""

import math

from rlsr.statistics.estimate import FEWEST_UNITS, Estimate

NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""


def number(value: float | None, decimals: int = 3, *, sign: bool = False) -> str:
    """Write a number, positive ones with their sign if asked for; a dash where there is none, never 0."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:{'+' if sign else ''}.{decimals}f}"


def percent(level: float) -> str:
    """Write the level of an interval, as in ``98.33%``."""
    return f"{100 * level:.4g}%"


def interval(estimate: Estimate, decimals: int, *, sign: bool = False) -> str:
    """Write the interval of an estimate, as in ``[0.489, 0.535]``; nothing where too few values allow one."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    low, high = (number(end, decimals, sign=sign) for end in (estimate.low, estimate.high))
    return f"[{low}, {high}]"


def mean_with_interval(estimate: Estimate, decimals: int, *, sign: bool = False) -> str:
    """Write an estimate, as in ``0.512 [0.489, 0.535]``."""
    if math.isnan(estimate.mean):
        return "not scored"
    ends = interval(estimate, decimals, sign=sign) or "(no interval)"
    return f"{number(estimate.mean, decimals, sign=sign)} {ends}"


def too_few(num: int, units: str) -> str:
    """Say that some units, as ``prompts``, are too few for an interval, and how many are enough; nothing where these are."""
    if num >= FEWEST_UNITS:
        return ""
    are = f"{units.removesuffix('s')} is" if num == 1 else f"{units} are"
    return f"{num} {are} too few for intervals and readings, which take at least {FEWEST_UNITS}"
