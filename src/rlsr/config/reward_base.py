"""What rewards have in common."""

from typing import Literal

from rlsr.config.base import ConfigTable


class ReferenceReward(ConfigTable):
    """What every reward has that compares a response to one reference at a time."""

    references: Literal["best", "mean"] = "mean"
    """What a response gets where a prompt has several references: the mean of its scores against them, which ranked answers a
    little better where it was measured (benchmarks/reward-quality.md), or the score against the one that it is closest to.
    References against which it cannot be scored are left out. Without effect where there is one."""
