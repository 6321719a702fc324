"""From a config to a reward."""

from rlsr.config.reward import LogicReward, RewardConfig
from rlsr.config.translator import EndpointTranslator
from rlsr.embeddings import Embedder, ReferenceCache
from rlsr.models import Device
from rlsr.rewards.endpoint_translator import EndpointTranslatorClient
from rlsr.rewards.logic import FormulaSimilarity
from rlsr.rewards.model_translator import LanguageModelTranslator
from rlsr.rewards.protocol import Reward
from rlsr.rewards.similarity import ReferenceSimilarity
from rlsr.rewards.translation import TranslationCache, Translator
from rlsr.runs import cache_directory


def make_reward(
    config: RewardConfig,
    embedder: Embedder,
    references: ReferenceCache,
    translator: Translator | None = None,
) -> Reward:
    """Make the reward that a config names.

    Args:
        config: Kind and settings.
        embedder: Encodes what the policy writes.
        references: Encodes the references, each once.
        translator: What ``load_translator`` returned for the config.

    Returns:
        The reward, ready to use.
    """
    if isinstance(config, LogicReward):
        return FormulaSimilarity(config, embedder, translator)
    return ReferenceSimilarity(config, embedder, references)


def load_translator(config: RewardConfig, device: Device) -> Translator | None:
    """Load what turns texts into formulas.

    Args:
        config: Kind and settings of the reward.
        device: Where a translator runs that is a model.

    Returns:
        The translator, which keeps what it translated across runs; None where the config names none.

    Raises:
        RlsrError: A model cannot be loaded, or the key of an endpoint is missing.
    """
    if not isinstance(config, LogicReward) or config.translator is None:
        return None
    translator: Translator
    if isinstance(config.translator, EndpointTranslator):
        translator = EndpointTranslatorClient(config.translator)
    else:
        translator = LanguageModelTranslator(config.translator, device)
    return TranslationCache(translator, cache_directory("translations"))
