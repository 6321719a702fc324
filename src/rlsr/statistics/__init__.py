"""Numbers in, numbers out: means with intervals, paired differences, resampling. Loads no torch; scipy comes late."""

from rlsr.statistics.bootstrap import bootstrap_mean, paired_difference, unpaired_difference
from rlsr.statistics.estimate import Estimate

__all__ = ["Estimate", "bootstrap_mean", "paired_difference", "unpaired_difference"]
