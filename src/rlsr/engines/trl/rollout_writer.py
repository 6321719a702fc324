"""What writes the responses of a rollout: the policy by groups, transformers' own loop, or vLLM, the last two by TRL."""

import logging
from typing import Any

from rlsr.config.engine import TrlEngine
from rlsr.config.method import RlsrMethod
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.models import Device
from rlsr.packages import package_directory

logger = logging.getLogger(__name__)

INSTALL_VLLM = "pip install 'trl[vllm]'"

SAMPLING_OPTIONS = (
    "use_vllm",
    "use_transformers_continuous_batching",
    "generation_kwargs",
    "cache_implementation",
    "min_p",
)
"""Options of TRL that choose or change its own way to generate; with one of them the rollout is TRL's."""


def check_rollout(config: RunConfig, device: Device) -> None:
    """Refuse an ``engine.rollout`` that would have no effect or cannot work.

    Args:
        config: The resolved config.
        device: Where the run will be.

    Raises:
        ConfigError: The method has no rollouts, there is no GPU for vLLM, or an option chooses something else.
        MissingPackageError: vLLM is asked for and not installed.
    """
    engine = config.engine
    assert isinstance(engine, TrlEngine), "another engine is asked for"
    if engine.rollout == "auto":
        return
    if not isinstance(config.method, RlsrMethod):
        raise ConfigError(
            f"engine.rollout: method {config.method.type} has no rollouts; leave it out"
        )
    if "use_vllm" in engine.options:
        raise ConfigError(
            "engine.options.use_vllm: engine.rollout says what writes responses; leave one of them out"
        )
    others = [name for name in (*SAMPLING_OPTIONS, "repetition_penalty") if name in engine.options]
    if engine.rollout == "grouped" and others:
        raise ConfigError(
            f"engine.options.{others[0]}: changes how TRL generates and has no effect on engine.rollout=grouped; leave it out, or take "
            "engine.rollout=generate"
        )
    if engine.rollout == "vllm" and device == "cpu":
        raise ConfigError(
            "engine.rollout: vLLM writes on a GPU and this run is on the CPU; leave it out, or train with device=cuda"
        )
    if engine.rollout == "vllm" and package_directory("vllm") is None:
        raise MissingPackageError("vllm", "write responses by engine.rollout=vllm", INSTALL_VLLM)


def asks_vllm(engine: TrlEngine) -> bool:
    """Say whether vLLM shall write responses, by our setting or TRL's option."""
    return engine.rollout == "vllm" or bool(engine.options.get("use_vllm"))


def samples_otherwise(arguments: Any) -> bool:
    """Say whether an option of a ``trl.GRPOConfig`` chooses or changes TRL's own way to generate."""
    chosen = any(getattr(arguments, option) for option in SAMPLING_OPTIONS)
    return chosen or arguments.repetition_penalty != 1.0


def writes_by_groups(engine: TrlEngine, model: Any, arguments: Any, *, passes: bool) -> bool:
    """Decide whether the policy writes responses by groups.

    Args:
        engine: The engine's settings.
        model: The policy.
        arguments: A ``trl.GRPOConfig``.
        passes: Whether updates go by groups.

    Returns:
        With ``auto`` where updates do, unless an option chooses TRL's way; with ``grouped`` unless the policy's attention does not
        allow it.
    """
    if engine.rollout == "auto":
        return passes and not samples_otherwise(arguments)
    if engine.rollout != "grouped":
        return False
    # What checks a config, as a dry run does, loads no torch.
    from rlsr.forward.support import check_support

    reason = check_support(model)
    if reason is not None:
        logger.warning("engine.rollout: %s", reason)
    return reason is None
