"""The weights that training starts from: which of them are trained, and what stays as the reference policy."""

import copy
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError
from rlsr.models.forms import form_of

REFERENCE = "ref"
"""TRL's name of a frozen copy of adapters that are trained on."""


def prepare_weights(config: RunConfig, model: Any) -> Any:
    """Make a policy trainable as the config says.

    Args:
        config: The resolved config.
        model: The policy as loaded, with adapters where it was saved with them.

    Returns:
        With ``model.lora`` a policy with adapters: those that it has, or new ones. Without, a policy whose adapters are merged
        into its weights.
    """
    if config.model.lora is None:
        # PEFT leaves the weights frozen.
        return model.merge_and_unload().requires_grad_(True) if has_adapters(model) else model
    if has_adapters(model):
        _check_rank(config.model.lora.rank, model)
        model.set_adapter(model.active_adapter)
        return model
    from peft import LoraConfig, get_peft_model

    lora = config.model.lora
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules="all-linear",
            task_type=form_of(config.method).adapters,
        ),
        # In the type of the other weights, so that nothing is cast in every layer; the optimiser has float32 copies.
        autocast_adapter_dtype=False,
    )


def _check_rank(rank: int, model: Any) -> None:
    own = model.peft_config[model.active_adapter].r
    if own != rank:
        raise ConfigError(
            f"model.lora.rank: the policy starts from adapters of rank {own}, and goes on training them, got {rank}; "
            f"set it to {own}, or train all weights (model.lora=null)"
        )


def has_adapters(model: Any) -> bool:
    """Say whether a policy has adapters.

    Args:
        model: The policy.

    Returns:
        True for a policy of PEFT.
    """
    return hasattr(model, "peft_config")


def starts_from_adapters(model: Any) -> bool:
    """Say whether adapters have been trained before.

    Args:
        model: A policy with adapters.

    Returns:
        False for new ones, which change nothing yet.
    """
    weights = [weight for name, weight in model.named_parameters() if "lora_B" in name]
    return any(bool(weight.any()) for weight in weights)


def settle_copy_of_adapters(model: Any) -> None:
    """Keep TRL's copy of adapters as the reference policy where they were trained before, in the type that they have.

    The copy of new adapters goes: the policy without adapters is the same. PEFT makes the copy float32: in a policy of
    bfloat16 it would be rounded otherwise than the policy, and differ from it before the first step.

    Args:
        model: The policy as TRL has prepared it.
    """
    if not has_adapters(model) or REFERENCE not in model.peft_config:
        return
    if not starts_from_adapters(model):
        forget_reference(model)
        return
    trained = model.active_adapter
    for name, weight in model.named_parameters():
        if f".{REFERENCE}." in name:
            twin = model.get_parameter(name.replace(f".{REFERENCE}.", f".{trained}."))
            weight.data = weight.data.to(twin.dtype)


def forget_reference(model: Any) -> None:
    """Take the copy of adapters away, so that it is not saved with them.

    Args:
        model: The policy.
    """
    if has_adapters(model) and REFERENCE in model.peft_config:
        model.delete_adapter(REFERENCE)


def frozen_reference(config: RunConfig, model: Any) -> Any | None:
    """Keep the policy before training, as TRL does for GRPO.

    Args:
        config: The resolved config.
        model: The policy, about to be trained.

    Returns:
        A copy where all weights are trained and the method needs it. None where adapters are trained: the reference
        policy is then the same model with the copy of its adapters, or without any.
    """
    if not config.method.needs_reference_policy:
        return None
    if not has_adapters(model):
        return copy.deepcopy(model).eval().requires_grad_(False)
    if starts_from_adapters(model):
        trained = model.active_adapter
        model.add_adapter(REFERENCE, model.peft_config[trained])
        for name, weight in model.named_parameters():
            if f".{trained}." in name:
                twin = model.get_parameter(name.replace(f".{trained}.", f".{REFERENCE}."))
                twin.data = weight.data.clone()
        # The copy is not trained.
        model.set_adapter(trained)
    return None
