"""Rewards: batched, cached, and honest about what they could not score."""

from rlsr.rewards.kind import RewardKind
from rlsr.rewards.logic import FormulaResult, FormulaSimilarity
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult
from rlsr.rewards.similarity import ReferenceSimilarity
from rlsr.rewards.table import open_reward, reward_kind

__all__ = [
    "FormulaResult",
    "FormulaSimilarity",
    "Part",
    "ReferenceSimilarity",
    "Reward",
    "RewardBatch",
    "RewardKind",
    "RewardResult",
    "open_reward",
    "reward_kind",
]
