"""What a plan refuses before anything is trained or written."""

import json
from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.engines.memory import MemoryPlan, StepCut, total_memory_gb
from rlsr.errors import ConfigError, EngineError, ModelError
from rlsr.pipeline import plan_run
from rlsr.pipeline.before_training import MAX_STEPS, require_end, require_memory
from rlsr.processes import ALONE


def refusal(settings: list[str], *overrides: str, trains: bool = True) -> str:
    with pytest.raises((ConfigError, EngineError, ModelError)) as caught:
        plan_run(load_config(overrides=[*settings, *overrides]), trains=trains)
    return str(caught.value)


@pytest.fixture
def adapters(tiny_model: Path, tmp_path: Path) -> Path:
    """What says that a directory holds adapters of rank 4; their weights are not looked at."""
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": str(tiny_model)}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def test_the_rank_of_the_policys_own_adapters_is_compared_before_they_are_loaded(
    tiny_settings: list[str], adapters: Path
) -> None:
    own = f"model.name={adapters}"
    assert refusal(tiny_settings, own, "model.lora.rank=8") == (
        "model.lora.rank: the policy starts from adapters of rank 4, and goes on training them, got 8; set it to 4, or train all "
        "weights (model.lora=null)"
    )
    for fitting in ("model.lora.rank=4", "model.lora=null"):
        plan_run(load_config(overrides=[*tiny_settings, own, fitting]))
    # Who only asks the policy needs no rank.
    plan_run(load_config(overrides=[*tiny_settings, own, "model.lora.rank=8"]), trains=False)


def test_no_rank_is_above_the_width(tiny_settings: list[str]) -> None:
    assert "must be at most 32, the width of" in refusal(tiny_settings, "model.lora.rank=33")
    plan_run(load_config(overrides=[*tiny_settings, "model.lora.rank=32"]))


def test_a_run_has_an_end(tiny_settings: list[str]) -> None:
    assert refusal(tiny_settings, "training.steps=null", "training.epochs=1e9").startswith(
        "training: 4,000,000,000 steps are more than the 10,000,000"
    )


@pytest.mark.parametrize(
    "budget",
    [
        "training.max_seconds=1",
        "training.max_tokens=1",
        "validation={num_prompts: 2, patience: 1}",
    ],
)
def test_a_budget_ends_any_number_of_steps(budget: str) -> None:
    require_end(load_config(overrides=[budget]), MAX_STEPS + 1)
    require_end(load_config(), MAX_STEPS)
    with pytest.raises(ConfigError):
        require_end(load_config(), MAX_STEPS + 1)


def test_a_group_that_no_memory_holds_is_refused(tiny_settings: list[str]) -> None:
    said = refusal(tiny_settings, "method.num_generations=1000000000")
    assert said.startswith("memory: the run would need about ")
    assert "to write the 1,000,000,000 responses to a single prompt" in said
    assert "lower method.num_generations" in said


def test_memory_is_that_of_the_machine_whatever_is_free_now() -> None:
    there = total_memory_gb("cpu")
    require_memory(MemoryPlan(StepCut(1), 0.99 * there, ()), "cpu", ALONE)
    with pytest.raises(EngineError, match=f"there are {there:.1f} GB in all on cpu"):
        require_memory(MemoryPlan(StepCut(1), 1.01 * there, ()), "cpu", ALONE)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("embedding=./no/such", "embedding.model: './no/such' is no directory"),
        ("embedding=no/such", "embedding.model: 'no/such' is no directory"),
        ("embedding=builtin:mini", "embedding.model: no built-in encoder 'builtin:mini'"),
        (
            "evaluation.independent_embedding=no/such",
            "evaluation.independent_embedding: 'no/such' is no directory",
        ),
        (
            "evaluation.independent_embedding=builtin:x",
            "evaluation.independent_embedding: no built-in encoder 'builtin:x'",
        ),
    ],
)
def test_an_encoder_that_is_not_there_is_named(
    tiny_settings: list[str], monkeypatch: pytest.MonkeyPatch, setting: str, words: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert refusal(tiny_settings, setting, trains=False).startswith(words)


def test_a_directory_without_an_encoder_is_none(tiny_settings: list[str], tmp_path: Path) -> None:
    assert f"{str(tmp_path)!r} is a directory without an encoder" in refusal(
        tiny_settings, f"embedding={tmp_path}"
    )


def test_where_a_share_of_few_prompts_is_none_the_resolved_config_can_be_read_again(
    tiny_settings: list[str],
) -> None:
    settings = ["validation={num_prompts: 0.25, patience: 2}", "data.limit=2"]
    config = plan_run(load_config(overrides=[*tiny_settings, *settings])).config
    assert config.validation.num_prompts == 0
    assert type(config).model_validate(config.model_dump()) == config
