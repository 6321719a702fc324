"""Rewards: batched, cached, and honest about what they could not score."""

from rlsr.rewards.protocol import Reward, RewardBatch, RewardResult
from rlsr.rewards.similarity import ReferenceSimilarity

__all__ = ["ReferenceSimilarity", "Reward", "RewardBatch", "RewardResult"]
