"""Our config in TRL's terms."""

from typing import Any

import pytest

from rlsr.config import RunConfig, load_config
from rlsr.engines.prompt_order import prompts_per_process
from rlsr.engines.trl.settings import grpo_arguments, shared_arguments
from rlsr.engines.trl.trainers import trainer_of
from rlsr.errors import ConfigError, RlsrError

pytest.importorskip("trl", reason="the train extra is not installed")


def config(*overrides: str) -> RunConfig:
    return load_config(overrides=["method.max_response_tokens=64", *overrides])


def made(one: RunConfig, *, num_steps: int = 10, num_processes: int = 1) -> Any:
    return trainer_of(one).trl_config(
        one, output_dir="out", device="cpu", num_steps=num_steps, num_processes=num_processes
    )


# --- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("seed=7", "seed", 7),
        ("method.num_generations=4", "num_generations", 4),
        ("method.kl_coefficient=0.5", "beta", 0.5),
        ("method.temperature=0.7", "temperature", 0.7),
        ("method.top_p=0.9", "top_p", 0.9),
        ("method.max_response_tokens=33", "max_completion_length", 33),
        ("method.clip=0.1", "epsilon", 0.1),
        ("method.loss_average=token", "loss_type", "dapo"),
        ("method.loss_average=sequence", "loss_type", "grpo"),
        ("training.learning_rate=3e-5", "learning_rate", 3e-5),
        ("model.lora=null", "learning_rate", 1e-6),
        ("training.weight_decay=0.1", "weight_decay", 0.1),
        ("training.adam_betas=[0.8, 0.7]", "adam_beta1", 0.8),
        ("training.adam_betas=[0.8, 0.7]", "adam_beta2", 0.7),
        ("training.max_grad_norm=0.3", "max_grad_norm", 0.3),
        ("training.gradient_checkpointing=true", "gradient_checkpointing", True),
        ("training.save_every=9", "save_steps", 9),
        # Older ones go when the new one has its checksums.
        ("training.keep_checkpoints=4", "save_total_limit", None),
        ("model.revision=abc", "model_init_kwargs", {"revision": "abc"}),
    ],
)
def test_a_setting_arrives_in_its_field(override: str, field: str, value: Any) -> None:
    assert getattr(made(config(override)), field) == value


@pytest.mark.parametrize(
    ("overrides", "device", "message"),
    [
        (["method=sft", "engine.rollout=generate"], "cpu", "engine.rollout: method sft has no rollouts; leave it out"),
        (["engine.rollout=vllm"], "cpu", "engine.rollout: vLLM writes on a GPU and this run is on the CPU; leave it out, or"),
        (["engine.rollout=grouped", "engine.options.use_vllm=true"], "cuda", "engine.options.use_vllm: engine.rollout says what writes"),
        (["engine.rollout=grouped", "engine.options.min_p=0.1"], "cpu", "engine.options.min_p: changes how TRL generates and has no effect on engine.rollout=grouped"),
        (["engine.rollout=vllm"], "cuda", "vllm is not installed; it is needed to write responses by engine.rollout=vllm. Install it with: pip install 'trl[vllm]'"),
    ],
)  # fmt: skip
def test_a_rollout_that_cannot_be_is_refused(
    overrides: list[str], device: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlsr.engines.trl.rollout_writer.package_directory", lambda _: None)
    with pytest.raises(RlsrError) as refused:
        shared_arguments(load_config(overrides=overrides), output_dir="out", device=device, num_steps=1)  # fmt: skip
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("method={type: sgrpo, num_generations: 2, prefix_ratios: [0, 0.5]}", "engine.rollout: cannot go on from prefixes; leave it out, or take"),
        ("method=rlpt", "engine.rollout: cannot write the segments of rlpt; leave it out, or take another method"),
    ],
)  # fmt: skip
def test_vllm_writes_for_methods_whose_responses_are_all_its_own(
    override: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        grpo_arguments(load_config(overrides=[override, "engine.rollout=vllm"]), {})
    assert str(refused.value).startswith(message)


def test_vllm_is_asked_by_its_field_of_trl() -> None:
    wanted = load_config(overrides=["engine.rollout=vllm"])
    found = grpo_arguments(wanted, {"per_device_train_batch_size": 4})
    assert found["use_vllm"] is True
    assert "use_vllm" not in grpo_arguments(config(), {"per_device_train_batch_size": 4})


def test_every_update_is_on_policy_and_advantages_are_ours() -> None:
    found = made(config(), num_steps=12)
    assert found.max_steps == 12
    assert found.num_iterations == 1
    assert found.scale_rewards == "none"
    assert found.bf16 is False, "bfloat16 weights need no autocast"
    assert (found.use_cpu, found.output_dir, found.report_to) == (True, "out", [])


def test_the_trainer_gets_a_rollout_whole() -> None:
    found = made(config("training.prompts_per_step=3", "method.num_generations=5"))
    assert found.per_device_train_batch_size == found.generation_batch_size == 15
    assert found.steps_per_generation == found.gradient_accumulation_steps == 1


def test_trl_accepts_all_of_it() -> None:
    found = made(config("training.gradient_checkpointing=true"))
    assert (found.max_steps, found.learning_rate) == (10, 1e-4)


# --- the open table -----------------------------------------------------------------------------


def test_further_options_reach_trl() -> None:
    found = made(config("engine.options.mask_truncated_completions=true"))
    assert found.mask_truncated_completions is True


@pytest.mark.parametrize("option", ["learning_rate", "beta", "bf16", "output_dir", "seed"])
def test_an_option_that_rlsr_sets_itself_is_refused(option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(config(f"engine.options.{option}=1"))
    assert str(caught.value) == (
        f"engine.options.{option}: rlsr sets this field itself; "
        "see the settings of method, training and model in docs/config.md"
    )


def test_an_unknown_option_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        made(config("engine.options.mask_truncated_completion=true"))
    assert str(caught.value) == (
        "engine.options.mask_truncated_completion: trl.GRPOConfig has no such field; "
        "did you mean mask_truncated_completions?"
    )
    with pytest.raises(ConfigError, match=r"engine\.options\.q7: .* has no such field$"):
        made(config("engine.options.q7=1"))


def test_a_value_that_trl_refuses_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"engine\.options: TRL refuses them: "):
        made(config("engine.options.log_completions_hub_repo=x"))


# --- processes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_each_process_takes_its_part_of_a_step(processes: int) -> None:
    one = config("training.prompts_per_step=4", "method.num_generations=8")
    assert prompts_per_process(one, processes) == 4 // processes
    assert made(one, num_processes=processes).per_device_train_batch_size == 32 // processes


@pytest.mark.parametrize(("processes", "way_out"), [(3, 3), (8, 8)])
def test_a_step_that_cannot_be_divided_is_refused(processes: int, way_out: int) -> None:
    expected = f"must be a multiple of the {processes} processes that train together, got 4; take {way_out}$"
    with pytest.raises(ConfigError, match=expected):
        prompts_per_process(config("training.prompts_per_step=4"), processes)


def test_a_mini_batch_that_cannot_be_divided_is_refused() -> None:
    one = config("method=rlsr", "training.prompts_per_step=8", "method.prompts_per_update=2")
    assert prompts_per_process(one, 2) == 4
    with pytest.raises(ConfigError) as caught:
        prompts_per_process(one, 4)
    assert str(caught.value) == (
        "method.prompts_per_update: must be a multiple of the 4 processes that train together, got 2; take another, or null to learn from "
        "the whole rollout at once"
    )


# --- supervised methods --------------------------------------------------------------------------


def test_supervised_methods_share_what_is_not_of_rollouts() -> None:
    supervised = load_config(
        overrides=["method=dft", "method.max_response_tokens=64", "training.prompts_per_step=3"]
    )
    found = made(supervised)
    assert type(found).__name__ == "SFTConfig"
    assert (found.per_device_train_batch_size, found.max_steps) == (3, 10)
    assert found.learning_rate == 2e-4
    assert not hasattr(found, "num_generations")


def test_options_of_another_trainer_are_refused() -> None:
    supervised = load_config(overrides=["method=sft", "engine.options.num_iterations=2"])
    with pytest.raises(ConfigError, match=r"trl\.SFTConfig has no such field"):
        made(supervised)
