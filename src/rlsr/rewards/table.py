"""Which rewards there are: one line a reward of our own, and those that installed packages add."""

import inspect
from functools import cache
from typing import Any, get_args

from rlsr.config.reward_base import ReferenceReward
from rlsr.config.rewards import RewardConfig
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError
from rlsr.models import Device
from rlsr.plugins import load_plugin, plugin_origins
from rlsr.rewards.combined import CombinedKind
from rlsr.rewards.graders import GraderKind
from rlsr.rewards.judge import JudgeKind
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.logic import LogicKind
from rlsr.rewards.preference_model import PreferenceModelKind
from rlsr.rewards.protocol import Reward
from rlsr.rewards.python import PythonKind
from rlsr.rewards.references import OverReferences
from rlsr.rewards.similarity import SimilarityKind
from rlsr.rewards.verifiers.choice import ChoiceKind
from rlsr.rewards.verifiers.exact import ExactKind
from rlsr.rewards.verifiers.form import JsonSchemaKind, RegexKind
from rlsr.rewards.verifiers.math import MathKind
from rlsr.rewards.verifiers.numeric import NumericKind

_KINDS: tuple[RewardKind[Any], ...] = (
    SimilarityKind(),
    LogicKind(),
    JudgeKind(),
    PythonKind(),
    PreferenceModelKind(),
    ExactKind(),
    NumericKind(),
    MathKind(),
    ChoiceKind(),
    RegexKind(),
    JsonSchemaKind(),
    JudgeKind(),
    GraderKind(),
    CombinedKind(),
)

_BY_TYPE = {kind.config.model_fields["type"].default: kind for kind in _KINDS}

assert {kind.config for kind in _KINDS} == set(get_args(get_args(RewardConfig)[0])), (
    "every reward of the config has its kind, and the other way round"
)


def reward_kind(config: RunConfig) -> RewardKind[Any]:
    """Find what is known of a config's reward.

    Args:
        config: The config of a run.

    Returns:
        The kind of its reward.

    Raises:
        ConfigError: An installed package adds the reward, and has settings for it that nothing reads.
    """
    # By name: the settings of a combined reward with a member of a package are of a class of their own.
    own = _BY_TYPE.get(config.reward.type)
    return _added_kind(config.reward.type) if own is None else own


@cache
def _added_kind(name: str) -> RewardKind[Any]:
    """Take what a package adds for a kind; a function, class or object is what ``type: python`` takes."""
    added = load_plugin("rlsr.rewards", name)
    if isinstance(added, RewardKind):
        return added
    if inspect.isclass(added) and issubclass(added, RewardKind):
        return added()
    if hasattr(added, "config"):
        raise ConfigError(
            f"rlsr.rewards: {name!r}, which {plugin_origins('rlsr.rewards', name)} adds, has settings, so that it must be a "
            f"rlsr.rewards.RewardKind, got {added!r}; mend or uninstall that package"
        )
    return PythonKind(added)


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
    reward = reward_kind(config).open(config, device, keep=keep)
    if isinstance(config.reward, ReferenceReward):
        return OverReferences(reward, config.reward.references)
    return reward
