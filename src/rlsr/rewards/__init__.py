"""Rewards: batched, cached, and honest about what they could not score."""

from rlsr.rewards.logic import FormulaSimilarity
from rlsr.rewards.make import make_reward
from rlsr.rewards.protocol import Reward, RewardBatch, RewardResult
from rlsr.rewards.similarity import ReferenceSimilarity

__all__ = [
    "FormulaSimilarity",
    "ReferenceSimilarity",
    "Reward",
    "RewardBatch",
    "RewardResult",
    "make_reward",
]
