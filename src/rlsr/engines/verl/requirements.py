"""What this engine cannot honour is refused before anything starts, by the key that asks for it."""

from collections.abc import Iterator

from rlsr.config.combined import CombinedReward
from rlsr.config.engine import VerlEngine
from rlsr.config.method import RlsrMethod, SgrpoMethod
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError
from rlsr.models import Device
from rlsr.processes import Processes
from rlsr.rewards import reward_kind

METHODS = ("rlsr", "sgrpo")
"""The methods that verl trains here."""


def engine_settings(config: RunConfig) -> VerlEngine:
    """Take the settings of this engine out of a config."""
    assert isinstance(config.engine, VerlEngine), "another engine is asked for"
    return config.engine


def training_device(config: RunConfig, device: Device) -> Device:
    """Say where verl trains.

    Args:
        config: The config.
        device: The run's own, where the policy is evaluated.
    """
    engine = engine_settings(config)
    if engine.device != "auto":
        return engine.device
    return device if engine.ray_address is None else "cuda"


def num_workers(config: RunConfig) -> int:
    """Count the processes that train."""
    engine = engine_settings(config)
    return engine.nodes * engine.gpus_per_node


def require_possible(config: RunConfig, *, device: Device, processes: Processes) -> None:
    """Refuse what this engine cannot honour.

    Args:
        config: The resolved config.
        device: The run's own.
        processes: Those that train together.

    Raises:
        ConfigError: With a line for each setting.
    """
    found = [
        *_of_methods(config),
        *_of_the_policy(config, training_device(config, device)),
        *_of_the_rest(config, processes),
    ]
    if found:
        raise ConfigError("\n".join(found))


def _of_methods(config: RunConfig) -> Iterator[str]:
    method = config.method
    if method.type not in METHODS or not isinstance(method, RlsrMethod):
        yield (
            f"method.type: the engine verl trains {' and '.join(METHODS)}, got {method.type}; take engine=trl for it, which of several "
            f"stages can be one, as in stages='[{{method: {method.type}}}, {{method: rlsr, engine: verl}}]'"
        )
        return
    if isinstance(method, SgrpoMethod):
        yield from _of_labels(method)
    if method.update_subset is not None and method.loss_average == "sequence":
        yield (
            "method.update_subset: verl averages a loss by sequences over all responses, whatever is selected; take "
            "method.loss_average=token, or null"
        )
    if method.advantage.baseline != "group":
        yield (
            f"method.advantage.baseline: the engine verl gives all tokens of a response one advantage, got {method.advantage.baseline}; take "
            "group, or engine=trl"
        )
    if method.prompts_per_update is None:
        of, prompts, key = "a step", config.training.prompts_per_step, "training.prompts_per_step"
    else:
        of, prompts, key = "a mini-batch", method.prompts_per_update, "method.prompts_per_update"
    num_rows = prompts * method.num_generations
    if num_rows % num_workers(config):
        yield (
            f"engine.gpus_per_node: the {num_rows} responses of {of} ({key} x method.num_generations) must divide "
            f"among {num_workers(config)} workers; take other numbers"
        )


def _of_labels(method: SgrpoMethod) -> Iterator[str]:
    if method.prefix_ratios is not None:
        yield (
            "method.prefix_ratios: the engine verl lets the policy write whole responses; take null, or engine=trl"
        )
    if method.label_in_group:
        yield (
            "method.label_in_group: the engine verl compares responses with each other alone; take false, or engine=trl"
        )


def _of_the_policy(config: RunConfig, device: Device) -> Iterator[str]:
    engine = engine_settings(config)
    if config.model.lora is not None:
        yield "model.lora: the engine verl trains all weights; set model.lora=null, or take engine=trl"
    if device not in {"cpu", "cuda"}:
        yield f"engine.device: verl trains on cuda or cpu, got {device}; set one of them"
    if device == "cpu" and config.model.dtype == "bfloat16":
        yield "model.dtype: on a CPU the engine verl computes in float32, got bfloat16; take auto or float32"
    if device == "cuda" and num_workers(config) % engine.tensor_parallel:
        yield (
            f"engine.tensor_parallel: must divide the {num_workers(config)} GPUs, got {engine.tensor_parallel}; take a divisor"
        )


def _of_the_rest(config: RunConfig, processes: Processes) -> Iterator[str]:
    if processes.count > 1:
        yield (
            "--processes: verl starts its own; leave it out, and set engine.gpus_per_node and engine.nodes"
        )
    if config.training.average_power is not None:
        yield "training.average_power: the engine verl keeps the last weights alone; set it to null, or take engine=trl"
    if config.evaluation.during:
        yield "evaluation.during: the engine verl gives no policy in the middle of its training; leave it out, or take engine=trl"
    if isinstance(config.reward, CombinedReward) and config.reward.normalise == "group":
        yield (
            "reward.normalise: verl scores a response when it is complete, and not within its group; take none, or engine=trl"
        )
    for place in reward_kind(config).endpoints(config):
        yield (
            f"{place}: what a reward asks a server is counted in the process that trains, which here is verl's; take engine=trl"
        )
