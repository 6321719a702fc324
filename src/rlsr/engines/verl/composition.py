"""rlsr's settings in verl's terms: one table, from which verl's YAML is written.

Two of verl's names mislead. ``ppo_mini_batch_size`` counts prompts, and verl multiplies it by ``rollout.n``. A function under the
old ``custom_reward_function.path`` at the top is accepted and never called; the reward stands under ``reward.reward_manager`` here.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rlsr.config.method import RlsrMethod
from rlsr.config.run import RunConfig
from rlsr.engines.verl.exchange import RUN_DIRECTORY, Exchange
from rlsr.engines.verl.hydra_grammar import yaml_table
from rlsr.engines.verl.requirements import engine_settings, num_workers

CONFIG_NAME = "verl"
"""Of the YAML in the directory of the exchange."""

PLUG_IN = "rlsr.engines.verl.inside"

_NO_DUAL_CLIP = 1e6
"""verl clips the loss of bad responses once more at this ratio, which GRPO does not."""

_LOSS_AVERAGES = {"token": "token-mean", "sequence": "seq-mean-token-mean"}


@dataclass(frozen=True)
class Setup:
    """What verl has to know besides the config."""

    exchange: Exchange
    """Where it talks to rlsr."""
    model: str
    """What training starts from: a directory, or an id of the hub."""
    checkpoints: Path
    """Where checkpoints go."""
    device: str
    """``cpu`` or ``cuda``."""
    longest_prompt: int
    """Tokens."""
    tokens_per_pass: int
    """Tokens of a pass of a worker."""
    num_steps: int
    """Steps of the run."""
    num_cpus: int
    """Processes that a Ray of this machine may start."""
    resume_from: Path | None = None
    """The checkpoint to go on from; None for the beginning."""


def verl_settings(config: RunConfig, setup: Setup) -> dict[str, Any]:
    """Write what rlsr decides in verl's terms.

    Args:
        config: The resolved config, which this engine can honour.
        setup: Places and sizes.

    Returns:
        Values by verl's dotted names; an option of the user for one of them is refused.
    """
    training, engine = config.training, engine_settings(config)
    method = config.method
    assert isinstance(method, RlsrMethod), "other methods are refused before"
    assert method.max_response_tokens is not None, "resolved before"
    precision = "bf16" if setup.device == "cuda" and config.model.dtype != "float32" else "fp32"
    return {
        "data.train_files": str(setup.exchange.prompts_file),
        "data.val_files": str(setup.exchange.prompts_file),
        "data.train_batch_size": training.prompts_per_step,
        "data.max_prompt_length": setup.longest_prompt,
        "data.max_response_length": method.max_response_tokens,
        # The plan has refused longer ones, and the order is that of rlsr.
        "data.filter_overlong_prompts": False,
        "data.truncation": "error",
        "data.shuffle": False,
        "data.dataloader_num_workers": 0,
        "data.trust_remote_code": config.model.trust_remote_code,
        # Of rlsr's methods; verl asks whether it needs a critic by this name.
        "algorithm.adv_estimator": "grpo",
        "algorithm.use_kl_in_reward": False,
        "actor_rollout_ref.model.path": setup.model,
        "actor_rollout_ref.model.trust_remote_code": config.model.trust_remote_code,
        "actor_rollout_ref.model.enable_gradient_checkpointing": training.gradient_checkpointing,
        "actor_rollout_ref.actor.strategy": "fsdp2",
        "actor_rollout_ref.ref.strategy": "fsdp2",
        # Prompts; which ones, the trainer says by the order of the rows.
        "actor_rollout_ref.actor.ppo_mini_batch_size": method.prompts_per_update
        or training.prompts_per_step,
        "actor_rollout_ref.actor.shuffle": False,
        "actor_rollout_ref.actor.ppo_epochs": method.updates_per_rollout,
        "actor_rollout_ref.actor.use_dynamic_bsz": True,
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": setup.tokens_per_pass,
        "actor_rollout_ref.actor.loss_agg_mode": _LOSS_AVERAGES[method.loss_average],
        "actor_rollout_ref.actor.clip_ratio": method.clip,
        "actor_rollout_ref.actor.clip_ratio_low": method.clip,
        "actor_rollout_ref.actor.clip_ratio_high": method.clip,
        "actor_rollout_ref.actor.clip_ratio_c": _NO_DUAL_CLIP,
        "actor_rollout_ref.actor.entropy_coeff": 0,
        # verl keeps the policy before training for this term alone; the label of S-GRPO may ask it, too.
        "actor_rollout_ref.actor.use_kl_loss": method.needs_reference_policy,
        "actor_rollout_ref.actor.kl_loss_coef": method.kl_coefficient,
        # The plus takes the gradient of the reverse KL, as rlsr does.
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl+",
        "actor_rollout_ref.actor.optim.lr": config.learning_rate,
        "actor_rollout_ref.actor.optim.betas": list(training.adam_betas),
        "actor_rollout_ref.actor.optim.weight_decay": training.weight_decay,
        "actor_rollout_ref.actor.optim.clip_grad": training.max_grad_norm,
        "actor_rollout_ref.actor.grad_clip": training.max_grad_norm,
        # The schedule is that of rlsr (inside/policy_engine.py).
        "actor_rollout_ref.actor.optim.lr_scheduler_type": "constant",
        "actor_rollout_ref.actor.optim.lr_warmup_steps": training.warmup_steps,
        "actor_rollout_ref.actor.checkpoint.save_contents": [
            "model",
            "optimizer",
            "extra",
            "hf_model",
        ],
        "actor_rollout_ref.actor.checkpoint.load_contents": ["model", "optimizer", "extra"],
        **_precision(precision),
        "actor_rollout_ref.rollout.name": _rollout_name(config, setup),
        "actor_rollout_ref.rollout.n": method.num_generations,
        "actor_rollout_ref.rollout.temperature": method.temperature,
        "actor_rollout_ref.rollout.top_p": method.top_p,
        "actor_rollout_ref.rollout.seed": config.seed,
        "actor_rollout_ref.rollout.tensor_model_parallel_size": 1
        if setup.device == "cpu"
        else engine.tensor_parallel,
        "actor_rollout_ref.rollout.gpu_memory_utilization": engine.gpu_memory_utilization,
        "actor_rollout_ref.rollout.max_model_len": setup.longest_prompt
        + method.max_response_tokens,
        "reward.num_workers": engine.reward_workers,
        "reward.reward_manager.source": "importlib",
        "reward.reward_manager.name": "BatchedReward",
        "reward.reward_manager.module.path": f"pkg://{PLUG_IN}.reward",
        "trainer.device": setup.device,
        "trainer.nnodes": engine.nodes,
        "trainer.n_gpus_per_node": engine.gpus_per_node,
        "trainer.use_v1": True,
        "trainer.v1.trainer_mode": "rlsr",
        "trainer.total_epochs": 1,
        "trainer.total_training_steps": setup.num_steps,
        "trainer.critic_warmup": 0,
        "trainer.logger": ["console"],
        "trainer.project_name": "rlsr",
        "trainer.experiment_name": "rlsr",
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.save_freq": save_every(config),
        "trainer.max_actor_ckpt_to_keep": training.keep_checkpoints,
        "trainer.default_local_dir": str(setup.checkpoints),
        "trainer.resume_mode": "disable" if setup.resume_from is None else "resume_path",
        "trainer.resume_from_path": None if setup.resume_from is None else str(setup.resume_from),
        **_ray(config, setup),
    }


def verl_defaults(setup: Setup, config: RunConfig) -> dict[str, Any]:
    """Write what suits most and may be another by ``engine.options``.

    Args:
        setup: Places and sizes.
        config: The resolved config.

    Returns:
        Values by verl's dotted names.
    """
    defaults: dict[str, Any] = {
        # verl's own defaults need the package flash-attn.
        "actor_rollout_ref.model.use_remove_padding": False,
        "actor_rollout_ref.model.override_config": {"attn_implementation": "sdpa"},
        "actor_rollout_ref.rollout.agent.num_workers": min(8, config.training.prompts_per_step),
    }
    if setup.device == "cpu":
        defaults |= {
            "actor_rollout_ref.actor.use_torch_compile": False,
            "actor_rollout_ref.actor.fsdp_config.use_torch_compile": False,
            "actor_rollout_ref.ref.fsdp_config.use_torch_compile": False,
            "actor_rollout_ref.rollout.agent.num_workers": 1,
            "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
        }
    return defaults


def save_every(config: RunConfig) -> int:
    """Say after how many steps verl saves: as often as is wanted, and whenever the weights are measured."""
    if not config.validation.num_prompts:
        return config.training.save_every
    return math.gcd(config.training.save_every, config.validation.every_steps)


def write_composition(directory: Path, config: RunConfig, setup: Setup) -> None:
    """Write verl's config into a directory, under ``CONFIG_NAME``.

    Args:
        directory: It is there.
        config: The resolved config.
        setup: Places and sizes.
    """
    settings = {**verl_defaults(setup, config), **verl_settings(config, setup)}
    text = yaml.safe_dump(yaml_table(settings, str(directory)), sort_keys=False)
    (directory / f"{CONFIG_NAME}.yaml").write_text(text, encoding="utf-8")


def environment(setup: Setup) -> dict[str, str]:
    """Write the environment variables of every process of verl."""
    platform = {"VERL_PLATFORM": "cpu"} if setup.device == "cpu" else {}
    return {
        RUN_DIRECTORY: str(setup.exchange.directory),
        "VERL_USE_EXTERNAL_MODULES": PLUG_IN,
        **platform,
    }


def _rollout_name(config: RunConfig, setup: Setup) -> str:
    return "rlsr_cpu" if setup.device == "cpu" else engine_settings(config).rollout


def _precision(name: str) -> dict[str, Any]:
    types = {"param_dtype": name, "reduce_dtype": "fp32", "buffer_dtype": "fp32"}
    whole = {"bf16": "bfloat16", "fp32": "float32"}[name]
    return {
        "actor_rollout_ref.rollout.dtype": whole,
        **{
            f"actor_rollout_ref.{role}.fsdp_config.{key}": value
            for role in ("actor", "ref")
            # The weights that the optimiser sees are in float32.
            for key, value in (
                ("model_dtype", "fp32"),
                ("dtype", whole),
                ("mixed_precision", types),
            )
        },
    }


def _ray(config: RunConfig, setup: Setup) -> dict[str, Any]:
    """Say how verl finds Ray."""
    variables = {"ray_kwargs.ray_init.runtime_env.env_vars": environment(setup)}
    address = engine_settings(config).ray_address
    if address is not None:
        return {"ray_kwargs.ray_init.address": address, **variables}
    found: dict[str, Any] = {
        "ray_kwargs.ray_init.num_cpus": setup.num_cpus,
        "ray_kwargs.ray_init.include_dashboard": False,
        **variables,
    }
    if setup.device == "cpu":
        # verl counts its workers in GPUs.
        found["ray_kwargs.ray_init.num_gpus"] = num_workers(config)
    return found
