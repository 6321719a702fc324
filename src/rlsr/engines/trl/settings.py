"""From our config to TRL's: which of its many fields we set, and why the others may be passed through."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from rlsr.config.engine import TrlEngine
from rlsr.config.method import RlsrMethod, SgrpoMethod
from rlsr.config.preference import DpoMethod, RewardModelMethod
from rlsr.config.rlpt import RlptMethod
from rlsr.config.run import RunConfig
from rlsr.engines.prompt_order import prompts_per_process
from rlsr.engines.trl.rollout_writer import asks_vllm, check_rollout
from rlsr.errors import ConfigError
from rlsr.models import Device

# Fields that follow from those that we set, or would quietly contradict them.
_MANAGED = (
    "fp16", "fp16_full_eval", "bf16_full_eval", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio", "generation_batch_size", "steps_per_generation", "num_train_epochs", "optim", "multi_objective_aggregation",
    "reward_weights", "activation_checkpointing", "do_eval", "eval_strategy", "model_init_kwargs", "resume_from_checkpoint",
)  # fmt: skip


def shared_arguments(
    config: RunConfig, *, output_dir: str, device: Device, num_steps: int, num_processes: int = 1
) -> dict[str, Any]:
    """Write what every trainer wants to know in TRL's terms.

    Args:
        config: The resolved config.
        output_dir: Where checkpoints go.
        device: The run's device.
        num_steps: Optimiser steps of the run.
        num_processes: How many train together; each takes its part of a step.

    Returns:
        Keyword arguments of ``trl.GRPOConfig``, ``trl.SFTConfig``, ``trl.DPOConfig`` and ``trl.RewardConfig``.

    Raises:
        ConfigError: ``engine.rollout`` cannot have its effect.
        MissingPackageError: It is vLLM, which is not installed.
    """
    check_rollout(config, device)
    training = config.training
    return {
        "output_dir": output_dir,
        "use_cpu": device == "cpu",
        # No autocast: bfloat16 weights compute in bfloat16 without it, and with it every pass would cast all weights
        # and copy its logits to float32.
        "bf16": False,
        "seed": config.seed,
        "max_steps": num_steps,
        # A process gets its part of a step whole; how it is split into passes is ours (rlsr.forward.micro_batches).
        "per_device_train_batch_size": prompts_per_process(config, num_processes),
        "gradient_accumulation_steps": 1,
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
        # Older checkpoints go when the new one has its checksums (GuardedTrainer).
        "save_total_limit": None,
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "trust_remote_code": config.model.trust_remote_code,
    }


def grpo_arguments(config: RunConfig, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Write what is a matter of rollouts in the terms of ``trl.GRPOConfig``.

    Args:
        config: The resolved config, of the method rlsr or one that extends it.
        shared: What ``shared_arguments`` returned.

    Returns:
        Keyword arguments beside the shared ones, or in their place.

    Raises:
        ConfigError: An option asks for what the method cannot have.
    """
    method = config.method
    assert isinstance(method, RlsrMethod), "other methods have other trainers"
    if isinstance(method, SgrpoMethod) and method.prefix_ratios is not None:
        _refuse_other_samplers(
            config, "cannot go on from prefixes", "take method.prefix_ratios=null"
        )
    if isinstance(method, RlptMethod):
        _refuse_other_samplers(config, "cannot write the segments of rlpt", "take another method")
    ours = {
        # To TRL a rollout is one step; that it may be learnt from several times is ours (RolloutTrainer.compute_loss).
        "per_device_train_batch_size": shared["per_device_train_batch_size"]
        * method.num_generations,
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
    }
    assert isinstance(config.engine, TrlEngine), "another engine is asked for"
    if config.engine.rollout == "vllm":
        ours["use_vllm"] = True
    if config.model.revision is not None:
        # The reference policy is loaded by TRL and must be of the same revision.
        ours["model_init_kwargs"] = {"revision": config.model.revision}
    return ours


def _refuse_other_samplers(config: RunConfig, reason: str, way_out: str) -> None:
    """Refuse what would sample by probabilities of its own, which TRL then wants of what we changed, too."""
    assert isinstance(config.engine, TrlEngine), "another engine is asked for"
    if asks_vllm(config.engine):
        chosen = "rollout" if config.engine.rollout == "vllm" else "options.use_vllm"
        raise ConfigError(f"engine.{chosen}: {reason}; leave it out, or {way_out}")


def sft_arguments(config: RunConfig, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Write what is a matter of references in the terms of ``trl.SFTConfig``.

    Args:
        config: The resolved config, of a supervised method.
        shared: What ``shared_arguments`` returned.

    Returns:
        Keyword arguments beside the shared ones.
    """
    return {
        # Prompts and references are encoded by us, in the form in which rollouts and evaluation ask the policy.
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "completion_only_loss": True,
        "max_length": None,
        # The loss is ours (rlsr.methods.token_weights), and nothing is padded to be packed.
        "loss_type": "nll",
        "packing": False,
        "padding_free": False,
    }


def dpo_arguments(config: RunConfig, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Write what is a matter of pairs in the terms of ``trl.DPOConfig``.

    Args:
        config: The resolved config, of the method dpo.
        shared: What ``shared_arguments`` returned.

    Returns:
        Keyword arguments beside the shared ones.
    """
    method = config.method
    assert isinstance(method, DpoMethod), "other methods have other trainers"
    return {
        # The loss is ours (rlsr.methods.dpo): what would change TRL's would have no effect.
        "beta": method.beta,
        "loss_type": ["sigmoid"],
        "loss_weights": None,
        "label_smoothing": 0.0,
        "ld_alpha": None,
        "f_divergence_type": "reverse_kl",
        "f_alpha_divergence_coef": 0.5,
        "use_weighting": False,
        "discopop_tau": 0.05,
        # Answers are cut when they are encoded.
        "max_length": None,
        # The reference policy is asked in every step, in the passes of the policy.
        "precompute_ref_log_probs": False,
        "sync_ref_model": False,
        # model.lora.dropout has its effect in every method.
        "disable_dropout": False,
        "padding_free": False,
    }


def reward_arguments(config: RunConfig, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Write what is a matter of scores in the terms of ``trl.RewardConfig``.

    Args:
        config: The resolved config, of the method reward_model.
        shared: What ``shared_arguments`` returned.

    Returns:
        Keyword arguments beside the shared ones.
    """
    method = config.method
    assert isinstance(method, RewardModelMethod), "other methods have other trainers"
    return {
        # The loss is ours (rlsr.methods.bradley_terry).
        "center_rewards_coefficient": method.centering or None,
        # Answers are cut when they are encoded, and the tokenizer is that of the run.
        "max_length": None,
        "chat_template_path": None,
        "eos_token": None,
        "pad_token": None,
        "pad_to_multiple_of": None,
        # model.lora.dropout has its effect in every method.
        "disable_dropout": False,
    }


def with_options(ours: dict[str, Any], options: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Add the user's options for a trainer of TRL.

    Args:
        ours: The fields that we set.
        options: The config's ``engine.options``.
        kind: TRL's config class.

    Raises:
        ConfigError: An option is unknown to TRL or belongs to another setting of ours.
    """
    managed = {*ours, *_MANAGED}
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    for name in options:
        if name in managed:
            raise ConfigError(
                f"engine.options.{name}: rlsr sets this field itself; see the settings of method, training and model in docs/config.md"
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"engine.options.{name}: trl.{kind.__name__} has no such field{hint}")
    return {**ours, **options}
