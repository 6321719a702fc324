"""Rewards: batched, cached, and honest about what they could not score."""

from rlsr.rewards.logic import FormulaResult, FormulaSimilarity
from rlsr.rewards.make import load_translator, make_reward
from rlsr.rewards.protocol import Reward, RewardBatch, RewardResult
from rlsr.rewards.similarity import ReferenceSimilarity
from rlsr.rewards.translation import Translator

__all__ = [
    "FormulaResult",
    "FormulaSimilarity",
    "ReferenceSimilarity",
    "Reward",
    "RewardBatch",
    "RewardResult",
    "Translator",
    "load_translator",
    "make_reward",
]
