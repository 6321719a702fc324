"""A model that judges responses: what it is asked, what its answers mean, and the reward that is made of them."""

from rlsr.rewards.judge.kind import JudgeKind

__all__ = ["JudgeKind"]
