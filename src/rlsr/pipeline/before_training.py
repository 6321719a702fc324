"""What a plan must hold before training is worth a start: adapters that fit, an end, and memory."""

from typing import Any

from rlsr.config import RunConfig
from rlsr.engines.memory import MemoryPlan, total_memory_gb
from rlsr.errors import ConfigError, EngineError
from rlsr.models import Device
from rlsr.models.adapters import find_adapters
from rlsr.models.load import is_classifier
from rlsr.processes import Processes

MAX_STEPS = 10_000_000
"""Steps of a run that nothing ends before: at a tenth of a second each they take eleven days."""


def require_fitting_adapters(config: RunConfig, model_config: Any) -> None:
    """Refuse a rank that the policy's own adapters do not have, or that no weight can have.

    Args:
        config: The config.
        model_config: The policy's transformers config.

    Raises:
        ConfigError: The rank is another than that of the adapters that are trained on, or above the policy's width.
    """
    if config.model.lora is None:
        return
    rank, width = config.model.lora.rank, model_config.get_text_config().hidden_size
    # A scorer starts from a policy with its adapters merged.
    adapters = find_adapters(config.model) if config.method.makes == "policy" else None
    if adapters is not None and adapters.rank != rank:
        raise ConfigError(
            f"model.lora.rank: the policy starts from adapters of rank {adapters.rank}, and goes on training them, got {rank}; "
            f"set it to {adapters.rank}, or train all weights (model.lora=null)"
        )
    if rank > width:
        raise ConfigError(
            f"model.lora.rank: must be at most {width}, the width of {config.model.name}, since no change of its weights has a higher "
            f"rank, got {rank}; lower it, or train all weights (model.lora=null)"
        )


def require_answers(config: RunConfig, model_config: Any) -> None:
    """Refuse to sample worse answers from a model that writes none.

    Args:
        config: The config.
        model_config: The transformers config of what training starts from.

    Raises:
        ConfigError: It is a classifier.
    """
    if is_classifier(model_config):
        raise ConfigError(
            f"method.rejected: worse answers are sampled from the model that training starts from, and {config.model.name} is a "
            "classifier, which writes none; give every row a `rejected` answer, or name a policy"
        )


def require_end(config: RunConfig, num_steps: int) -> None:
    """Refuse more steps than anybody waits for, where no budget ends training before.

    Args:
        config: The resolved config.
        num_steps: Steps of the run.

    Raises:
        ConfigError: Nothing ends it in time.
    """
    training = config.training
    ends = (
        training.max_seconds,
        training.max_tokens,
        config.pipeline.max_seconds,
        config.validation.patience,
    )
    if num_steps > MAX_STEPS and all(end is None for end in ends):
        raise ConfigError(
            f"training: {num_steps:,} steps are more than the {MAX_STEPS:,} that a run may take without a budget; lower training.steps "
            "or training.epochs, or set training.max_seconds"
        )


def require_memory(memory: MemoryPlan, device: Device, processes: Processes) -> None:
    """Refuse a run that needs more memory than the machine has at all.

    Args:
        memory: What a process needs.
        device: Where the run will be.
        processes: Those that train together.

    Raises:
        EngineError: It needs more.
    """
    needed = memory.peak_gb * processes.sharing_memory(device)
    there = total_memory_gb(device)
    if needed > there:
        raise EngineError(
            f"memory: the run would need about {needed:.1f} GB, and there are {there:.1f} GB in all on {device}; "
            f"{'; '.join(memory.notices) or 'lower method.num_generations or method.max_response_tokens, or take a smaller policy'}"
        )
