"""Verdicts of Arena-Hard's judge, the battles that they count as, and intervals over prompts that have several."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rlsr.statistics import Estimate
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.resamples import resamples

Floats = NDArray[np.float64]

_CLEARLY = 3
"""Battles that a verdict of ``>>`` counts as."""
_FIRST_WINS: Final[Mapping[str, tuple[float, int]]] = {
    "A>>B": (1.0, _CLEARLY), "A>B": (1.0, 1), "A=B": (0.5, 1), "A<B": (0.0, 1), "A<<B": (0.0, _CLEARLY),
    "B>>A": (0.0, _CLEARLY), "B>A": (0.0, 1), "B=A": (0.5, 1), "B<A": (1.0, 1), "B<<A": (1.0, _CLEARLY),
}  # fmt: skip
"""Share of the battle that the first answer wins, and how often it counts."""
_LABELS = (re.compile(r"\[\[([AB<>=]+)\]\]"), re.compile(r"\[([AB<>=]+)\]"))


def label_of(text: str) -> str | None:
    """Read a verdict.

    Args:
        text: What the judge wrote.

    Returns:
        The last label in double brackets, or in single ones where there is none, as in ``A>>B``; None where that is no verdict.

    Source:
        ``get_score`` of Arena-Hard-Auto's ``gen_judgment.py``.
    """
    for pattern in _LABELS:
        found = pattern.findall(text.upper())
        if found:
            return found[-1] if found[-1] in _FIRST_WINS else None
    return None


@dataclass(frozen=True)
class Battles:
    """What two verdicts about one answer count as, one in each order."""

    policy_second: str
    """The label where the baseline came first."""
    policy_first: str
    """The label where the policy came first."""

    @property
    def outcomes(self) -> list[float]:
        """Shares of single battles that the policy has won, two to six of them."""
        lost, times = _FIRST_WINS[self.policy_second]
        won, times_first = _FIRST_WINS[self.policy_first]
        return [1 - lost] * times + [won] * times_first

    @property
    def won(self) -> float:
        """Battles that the policy has won."""
        return sum(self.outcomes)

    @property
    def number(self) -> int:
        """Battles in all."""
        return len(self.outcomes)

    @property
    def first_place(self) -> float:
        """Share of the two verdicts that whichever answer comes first has won; .5 is a judge without a liking for a place."""
        return (_FIRST_WINS[self.policy_second][0] + _FIRST_WINS[self.policy_first][0]) / 2


def mean_of_all(
    sums: Floats, counts: Floats, *, confidence: float, num_resamples: int, seed: int = 0
) -> Estimate:
    """Estimate a mean over things of which a prompt has several, as battles or turns.

    Args:
        sums: Of the things of each prompt, as the battles that were won.
        counts: Of these things, above 0.
        confidence: Level of the interval, in (0, 1).
        num_resamples: Bootstrap resamples of the prompts, whose things stay together.
        seed: Of the resampling.

    Returns:
        The mean over all things, ``num`` of it the prompts, with a percentile interval; of NaN below ``FEWEST_UNITS`` prompts.
    """
    number = len(sums)
    if number == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(sums.sum() / counts.sum())
    if number < FEWEST_UNITS:
        return Estimate(mean, np.nan, np.nan, number)
    drawn = np.concatenate(
        [
            (times @ sums) / (times @ counts)
            for [times] in resamples([number], num_resamples, cells=number, seed=seed)
        ]
    )
    return Estimate(mean, *_ends(drawn, confidence), number)


def as_the_leaderboard(outcomes: Sequence[float], seed: int = 0) -> Estimate:
    """Estimate the share as the leaderboard of Arena-Hard does.

    Args:
        outcomes: Of single battles.
        seed: Of the resampling.

    Returns:
        The mean of 100 resamples of single battles, with their 5th and 95th percentile; a little too narrow, since the battles of
        one verdict are taken for independent ones.

    Source:
        ``print_leaderboard`` of Arena-Hard-Auto's ``show_result.py``.
    """
    values = np.array(outcomes)
    rng = np.random.default_rng(seed)
    means = rng.choice(values, size=(100, len(values))).mean(axis=1)
    return Estimate(float(means.mean()), *_ends(means, 0.9), len(values))


def _ends(drawn: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
