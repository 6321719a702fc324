"""From our config to TRL's: which of its many fields we set, and why the others may be passed through."""

import dataclasses
import difflib
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError, EngineError
from rlsr.models import Device

# Fields that follow from those that we set, or would quietly contradict them.
_MANAGED = (
    "fp16", "fp16_full_eval", "bf16_full_eval", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio", "generation_batch_size", "steps_per_generation", "num_train_epochs", "optim", "multi_objective_aggregation",
    "reward_weights", "activation_checkpointing", "do_eval", "eval_strategy", "model_init_kwargs", "resume_from_checkpoint",
)  # fmt: skip


def grpo_arguments(
    config: RunConfig, *, output_dir: str, device: Device, num_steps: int
) -> dict[str, Any]:
    """Write our config in TRL's terms.

    Args:
        config: The resolved config.
        output_dir: Where checkpoints go.
        device: The run's device.
        num_steps: Optimiser steps of the run.

    Returns:
        Keyword arguments of ``trl.GRPOConfig``, the user's ``engine.options`` among them.

    Raises:
        ConfigError: An option is unknown to TRL or belongs to another setting of ours.
    """
    method, training = config.method, config.training
    ours: dict[str, Any] = {
        "output_dir": output_dir,
        "use_cpu": device == "cpu",
        # No autocast: bfloat16 weights compute in bfloat16 without it, and with it every pass would cast all weights
        # and copy its logits to float32.
        "bf16": False,
        "seed": config.seed,
        "max_steps": num_steps,
        # One rollout, one update: every step is on-policy and needs no old log-probabilities. The trainer gets a rollout
        # whole; how it is split into passes is ours (rlsr.engines.trl.micro_batches).
        "per_device_train_batch_size": training.prompts_per_step * method.num_generations,
        "gradient_accumulation_steps": 1,
        "num_iterations": 1,
        "num_generations": method.num_generations,
        "max_completion_length": method.max_response_tokens,
        "temperature": method.temperature,
        "top_p": method.top_p,
        "top_k": 0,
        "beta": method.kl_coefficient,
        # The KL term times the probability ratio: its value is the same, its gradient that of the reverse KL.
        "use_bias_correction_kl": True,
        "epsilon": method.clip,
        "loss_type": "dapo" if method.loss_average == "token" else "grpo",
        # Advantages are ours (rlsr.methods); TRL's are replaced.
        "scale_rewards": "none",
        "learning_rate": config.learning_rate,
        "weight_decay": training.weight_decay,
        "adam_beta1": training.adam_betas[0],
        "adam_beta2": training.adam_betas[1],
        "max_grad_norm": training.max_grad_norm,
        "gradient_checkpointing": training.gradient_checkpointing,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": training.save_every,
        "save_total_limit": training.keep_checkpoints,
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "trust_remote_code": config.model.trust_remote_code,
    }
    if config.model.revision is not None:
        # The reference policy is loaded by TRL and must be of the same revision.
        ours["model_init_kwargs"] = {"revision": config.model.revision}
    _check_options(config.engine.options, ours)
    return {**ours, **config.engine.options}


def make_grpo_config(arguments: dict[str, Any]) -> Any:
    """Build TRL's config.

    Args:
        arguments: What ``grpo_arguments`` returned.

    Returns:
        A ``trl.GRPOConfig``.

    Raises:
        ConfigError: TRL refuses a value.
    """
    from trl import GRPOConfig

    try:
        return GRPOConfig(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"engine.options: TRL refuses them: {error}") from error


def check_processes(num_processes: int, world_size: int) -> None:
    """Refuse a launch that would silently train several policies side by side.

    Args:
        num_processes: Processes that the trainer knows of.
        world_size: Processes that the launcher says it started.

    Raises:
        EngineError: The two differ, or there is more than one process.
    """
    if num_processes != world_size:
        raise EngineError(
            f"the launcher started {world_size} processes but the trainer sees {num_processes}: each would train a "
            "policy of its own; start one process, or set the launcher up for this device"
        )
    if num_processes > 1:
        raise EngineError(
            f"rlsr trains in one process for now, got {num_processes}; start it without torchrun or accelerate launch"
        )


def _check_options(options: dict[str, Any], ours: dict[str, Any]) -> None:
    from trl import GRPOConfig

    managed = {*ours, *_MANAGED}
    known = {field.name for field in dataclasses.fields(GRPOConfig) if field.init}
    for name in options:
        if name in managed:
            raise ConfigError(
                f"engine.options.{name}: rlsr sets this field itself; see the settings of method, training and model in docs/config.md"
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"engine.options.{name}: trl.GRPOConfig has no such field{hint}")
