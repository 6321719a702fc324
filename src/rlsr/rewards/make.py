"""From a config to a reward."""

from rlsr.config.reward import LogicReward, RewardConfig
from rlsr.embeddings import Embedder, ReferenceCache
from rlsr.rewards.logic import FormulaSimilarity
from rlsr.rewards.protocol import Reward
from rlsr.rewards.similarity import ReferenceSimilarity


def make_reward(config: RewardConfig, embedder: Embedder, references: ReferenceCache) -> Reward:
    """Make the reward that a config names.

    Args:
        config: Kind and settings.
        embedder: Encodes what the policy writes.
        references: Encodes the references, each once.

    Returns:
        The reward, ready to use.
    """
    if isinstance(config, LogicReward):
        return FormulaSimilarity(config, embedder)
    return ReferenceSimilarity(config, embedder, references)
