"""Which rewards there are: one line a reward."""

from typing import Any, get_args

from rlsr.config.reward import RewardConfig
from rlsr.config.run import RunConfig
from rlsr.models import Device
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.logic import LogicKind
from rlsr.rewards.protocol import Reward
from rlsr.rewards.similarity import SimilarityKind

_KINDS: tuple[RewardKind[Any], ...] = (
    SimilarityKind(),
    LogicKind(),
)

_BY_CONFIG = {kind.config: kind for kind in _KINDS}

assert set(_BY_CONFIG) == set(get_args(get_args(RewardConfig)[0])), (
    "every reward of the config has its kind, and the other way round"
)


def reward_kind(config: RunConfig) -> RewardKind[Any]:
    """Find what is known of a config's reward.

    Args:
        config: The config of a run.

    Returns:
        The kind of its reward.
    """
    return _BY_CONFIG[type(config.reward)]


def open_reward(config: RunConfig, device: Device, *, keep: bool = True) -> Reward:
    """Open the reward of a config: the one way in for training, evaluation and audit.

    Args:
        config: The config of a run: reward and encoder.
        device: The device of the run.
        keep: Whether vectors of references are kept across runs; without that each one costs what it costs.

    Returns:
        The reward, to be closed by the caller, as by ``contextlib.closing``.

    Raises:
        RlsrError: A part cannot be loaded.
    """
    return reward_kind(config).open(config, device, keep=keep)
