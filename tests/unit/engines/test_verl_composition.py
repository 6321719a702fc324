"""rlsr's settings in verl's terms; verl itself is not asked (tests/e2e/test_verl.py does)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlsr.config import RunConfig, load_config
from rlsr.engines.verl.composition import (
    Setup,
    save_every,
    verl_defaults,
    verl_settings,
    write_composition,
)
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.hydra_grammar import as_overrides, nested
from rlsr.errors import ConfigError

SETUP = Setup(
    exchange=Exchange(Path("/runs/a/verl")),
    model="/models/tiny",
    checkpoints=Path("/runs/a/checkpoints"),
    device="cpu",
    longest_prompt=40,
    tokens_per_pass=900,
    num_steps=7,
    num_cpus=20,
)
ON_GPUS = replace(SETUP, device="cuda")


def config(*overrides: str) -> RunConfig:
    return load_config(
        overrides=["stages=null", "method=rlsr", "model.lora=null", "engine=verl", *overrides]
    )


RESOLVED = ("method.max_response_tokens=64",)


def settings(*overrides: str, setup: Setup = SETUP) -> dict[str, Any]:
    return verl_settings(config(*RESOLVED, *overrides), setup)


GOLDEN: dict[str, dict[str, Any]] = {
    "seed=5": {"actor_rollout_ref.rollout.seed": 5},
    "training.prompts_per_step=256": {
        "data.train_batch_size": 256,
        "actor_rollout_ref.actor.ppo_mini_batch_size": 256,
    },
    "training.learning_rate=3e-6": {"actor_rollout_ref.actor.optim.lr": 3e-6},
    "training.weight_decay=0.1": {"actor_rollout_ref.actor.optim.weight_decay": 0.1},
    "training.adam_betas=[0.8, 0.99]": {"actor_rollout_ref.actor.optim.betas": [0.8, 0.99]},
    "training.max_grad_norm=0.5": {
        "actor_rollout_ref.actor.optim.clip_grad": 0.5,
        "actor_rollout_ref.actor.grad_clip": 0.5,
    },
    "training.gradient_checkpointing=true": {
        "actor_rollout_ref.model.enable_gradient_checkpointing": True
    },
    "training.keep_checkpoints=5": {"trainer.max_actor_ckpt_to_keep": 5},
    "training.save_every=30": {"trainer.save_freq": 30},
    "method.num_generations=16": {"actor_rollout_ref.rollout.n": 16},
    "method.temperature=0.7": {"actor_rollout_ref.rollout.temperature": 0.7},
    "method.top_p=0.9": {"actor_rollout_ref.rollout.top_p": 0.9},
    "method.prompts_per_update=2": {"actor_rollout_ref.actor.ppo_mini_batch_size": 2},
    "method.updates_per_rollout=3": {"actor_rollout_ref.actor.ppo_epochs": 3},
    "method.kl_coefficient=0.05": {
        "actor_rollout_ref.actor.use_kl_loss": True,
        "actor_rollout_ref.actor.kl_loss_coef": 0.05,
    },
    "method.kl_coefficient=0": {"actor_rollout_ref.actor.use_kl_loss": False},
    # The label may ask the policy before training, too.
    "method={type: sgrpo, max_response_tokens: 64, kl_coefficient: 0, label_loss: as_released}": {
        "actor_rollout_ref.actor.use_kl_loss": True,
        "actor_rollout_ref.actor.kl_loss_coef": 0,
    },
    "method.loss_average=sequence": {
        "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean"
    },
    "method.clip=0.3": {
        "actor_rollout_ref.actor.clip_ratio": 0.3,
        "actor_rollout_ref.actor.clip_ratio_low": 0.3,
        "actor_rollout_ref.actor.clip_ratio_high": 0.3,
    },
    "model.trust_remote_code=true": {
        "data.trust_remote_code": True,
        "actor_rollout_ref.model.trust_remote_code": True,
    },
    "engine.reward_workers=4": {"reward.num_workers": 4},
    "engine.nodes=2": {"trainer.nnodes": 2},
}
"""What a setting of ours becomes."""


@pytest.mark.parametrize("override", GOLDEN)
def test_a_setting_has_its_place_in_verl_and_changes_nothing_else(override: str) -> None:
    before, after = settings(), settings(override)
    changed = {name for name in after if before[name] != after[name]}
    assert {name: after[name] for name in GOLDEN[override]} == GOLDEN[override]
    # On a CPU Ray is told of as many GPUs as there are workers.
    assert changed <= {*GOLDEN[override], "ray_kwargs.ray_init.num_gpus", "actor_rollout_ref.actor.kl_loss_coef"}  # fmt: skip


def test_the_mini_batch_counts_prompts_and_not_responses() -> None:
    found = settings("training.prompts_per_step=8", "method.num_generations=4")
    assert found["actor_rollout_ref.actor.ppo_mini_batch_size"] == 8
    assert found["data.train_batch_size"] == 8


def test_the_reward_stands_where_verl_reads_it() -> None:
    found = settings()
    assert not any(name.startswith("custom_reward_function") for name in found), (
        "verl ignores this name"
    )
    assert found["reward.reward_manager.source"] == "importlib"
    assert found["reward.reward_manager.module.path"] == "pkg://rlsr.engines.verl.inside.reward"


def test_lengths_and_places_are_those_of_the_run() -> None:
    found = settings(setup=replace(SETUP, resume_from=Path("/runs/a/checkpoints/global_step_4")))
    assert found["data.max_prompt_length"] == 40
    assert found["data.max_response_length"] == 64
    assert found["actor_rollout_ref.rollout.max_model_len"] == 104
    assert found["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"] == 900
    assert found["trainer.total_training_steps"] == 7
    assert found["trainer.resume_mode"] == "resume_path"
    assert found["trainer.resume_from_path"] == "/runs/a/checkpoints/global_step_4"
    assert settings()["trainer.resume_mode"] == "disable"


def test_a_cpu_has_its_own_rollout_and_gpus_that_do_not_exist() -> None:
    found = settings("engine.gpus_per_node=2")
    assert found["actor_rollout_ref.rollout.name"] == "rlsr_cpu"
    assert found["actor_rollout_ref.rollout.dtype"] == "float32"
    assert found["ray_kwargs.ray_init.num_gpus"] == 2
    assert found["ray_kwargs.ray_init.runtime_env.env_vars"]["VERL_PLATFORM"] == "cpu"


def test_gpus_have_vllm_or_sglang_and_ray_counts_them_itself() -> None:
    found = settings("engine.tensor_parallel=2", "engine.gpus_per_node=8", setup=ON_GPUS)
    assert found["actor_rollout_ref.rollout.name"] == "vllm"
    assert found["actor_rollout_ref.rollout.tensor_model_parallel_size"] == 2
    assert found["actor_rollout_ref.rollout.dtype"] == "bfloat16"
    assert "ray_kwargs.ray_init.num_gpus" not in found
    assert "VERL_PLATFORM" not in found["ray_kwargs.ray_init.runtime_env.env_vars"]
    sglang = settings("engine.rollout=sglang", setup=ON_GPUS)
    assert sglang["actor_rollout_ref.rollout.name"] == "sglang"
    whole = settings("model.dtype=float32", setup=ON_GPUS)
    assert whole["actor_rollout_ref.rollout.dtype"] == "float32"


def test_an_existing_cluster_is_joined_and_gets_the_environment() -> None:
    found = settings("engine.ray_address=10.0.0.1:6379", setup=ON_GPUS)
    assert found["ray_kwargs.ray_init.address"] == "10.0.0.1:6379"
    # Ray refuses numbers of processors for a cluster that exists.
    assert "ray_kwargs.ray_init.num_cpus" not in found
    variables = found["ray_kwargs.ray_init.runtime_env.env_vars"]
    assert variables["RLSR_VERL_DIRECTORY"] == "/runs/a/verl"
    assert variables["VERL_USE_EXTERNAL_MODULES"] == "rlsr.engines.verl.inside"


def test_weights_are_saved_whenever_they_are_measured() -> None:
    assert save_every(config("training.save_every=50", "validation.every_steps=4")) == 50
    measured = config("training.save_every=50", "validation.every_steps=4", "validation.num_prompts=3")  # fmt: skip
    assert save_every(measured) == 2


def test_the_yaml_lays_all_of_it_over_verls_own(tmp_path: Path) -> None:
    whole = config(*RESOLVED)
    write_composition(tmp_path, whole, SETUP)
    table = yaml.safe_load((tmp_path / "verl.yaml").read_text(encoding="utf-8"))
    assert table.pop("defaults") == ["ppo_trainer", "_self_"]
    assert table.pop("hydra")["searchpath"] == ["pkg://verl.trainer.config"]
    assert table == nested({**verl_defaults(SETUP, whole), **verl_settings(whole, SETUP)})


def test_further_options_are_arguments_in_the_grammar_of_hydra() -> None:
    options = {"a.b": True, "c": None, "d": "it's", "e": [1, 2.5], "f": {"g": "h"}}
    assert as_overrides(options, {}) == [
        "a.b=true",
        "c=null",
        "d='it\\'s'",
        "e=[1,2.5]",
        "f={g:'h'}",
    ]


@pytest.mark.parametrize(
    "option",
    [
        "trainer.save_freq",
        "trainer",
        "actor_rollout_ref.actor.optim.betas",
        "ray_kwargs.ray_init.runtime_env.env_vars.A",
    ],
)
def test_an_option_that_rlsr_sets_itself_is_refused(option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        as_overrides({option: 1}, settings())
    assert str(caught.value) == (
        f"engine.options.{option}: rlsr sets this itself; see the settings of method, training and engine in docs/config.md"
    )


def test_what_is_only_a_default_may_be_another() -> None:
    option = "actor_rollout_ref.model.use_remove_padding"
    assert as_overrides({option: True}, settings()) == [f"{option}=true"]
