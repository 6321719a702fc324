"""A number that was estimated from a sample, with its interval."""

from dataclasses import dataclass
from typing import Final

FEWEST_UNITS: Final = 32
"""Prompts, or whatever else is resampled, below which there is no interval: from here on bootstrap intervals of .95 hold the
mean of a similarity, of BLEU or of a length in .90 of samples and more, as ``benchmarks/interval_coverage.py`` counts."""


@dataclass(frozen=True)
class Estimate:
    """A mean, or another statistic, with its bootstrap interval."""

    mean: float
    """Over the values that are not NaN; NaN if there are none."""
    low: float
    """Lower end of the interval; NaN where there are too few values for one."""
    high: float
    """Upper end of the interval."""
    num: int
    """Values that the mean is over."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0
