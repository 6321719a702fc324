"""A recipe stands where a method would, and is what is taken where none is named."""

from pathlib import Path
from typing import Any

import pytest

from rlsr.config import load_config, load_stages, stages_from_table
from rlsr.config.method import RlsrMethod
from rlsr.config.recipes import RECIPES, with_stages
from rlsr.errors import ConfigError


def test_without_a_method_sft_comes_first_and_then_rlsr() -> None:
    staged = load_stages((), ["model.name=somebody/something"])
    assert staged == load_stages((), ["model.name=somebody/something", "method=sft+rlsr"])
    assert staged.names == ("1-sft", "2-rlsr")
    assert [config.validation.num_prompts > 0 for config in staged.configs] == [True, True]
    assert [config.validation.metric for config in staged.configs] == ["nll", "auto"]
    assert staged.configs[1].method.type == "rlsr"
    assert staged.configs[1].method != RlsrMethod(), "the recipe's rlsr is leaner than the paper's"


def test_responses_are_pulled_where_the_reward_is_a_similarity() -> None:
    first, second = _tables(["reward.similarity.variant=cosine"])
    assert first["reward"] == second["reward"], "what is measured after both means the same"
    assert second["reward"]["similarity"] == {
        "variant": "cosine", "recall_weight": 1.5, "number_share": 0.25, "length_exponent": 0.25,
    }  # fmt: skip
    free = _tables(["reward.similarity.length_exponent=0", "method.temperature=1"])
    assert [stage["reward"]["similarity"]["length_exponent"] for stage in free] == [0, 0]
    assert (second["method"]["temperature"], free[1]["method"]["temperature"]) == (0.6, 1)


def _tables(overrides: list[str]) -> list[dict[str, Any]]:
    return [config.model_dump() for config in load_stages((), overrides).configs]


@pytest.mark.parametrize(
    "reward", ["logic", "numeric", "{type: combined, members: {a: {reward: exact}}}"]
)
def test_another_reward_stays_as_it_is(reward: str) -> None:
    asked = f"reward={reward}"
    staged, alone = load_stages((), [asked]), load_config((), ["method=rlsr", asked])
    assert [config.reward for config in staged.configs] == [alone.reward] * 2


@pytest.mark.parametrize(
    "overrides", [["method=rlsr"], ["stages=null"], ["method=sft+rlsr", "method=rlsr"]]
)
def test_the_method_alone_stays_the_papers(overrides: list[str]) -> None:
    staged = load_stages((), overrides)
    assert not staged.is_pipeline
    assert staged.configs[0] == load_config()


def test_what_is_said_for_all_stages_wins_over_the_recipe() -> None:
    staged = load_stages(
        (),
        [
            "training.prompts_per_step=2",
            "training.epochs=1.5",
            "validation.num_prompts=7",
            "method.max_response_tokens=50",
            "method.num_generations=6",
        ],
    )
    for config in staged.configs:
        assert (config.training.prompts_per_step, config.training.epochs) == (2, 1.5)
        assert config.validation.num_prompts == 7
        assert config.method.max_response_tokens == 50
        assert config.validation.patience is not None, "what is not said stays the recipe's"
    assert staged.configs[1].method.num_sampled == 6


def test_what_is_said_for_one_stage_wins_over_both() -> None:
    staged = load_stages((), ["stages.1.training.steps=3", "training.steps=9"])
    assert [config.training.steps for config in staged.configs] == [9, 3]


def test_a_recipe_of_a_file_is_written_out_too() -> None:
    staged = stages_from_table({"method": "sft+rlsr", "seed": 5})
    assert staged.names == ("1-sft", "2-rlsr")
    assert [config.seed for config in staged.configs] == [5, 5]


def test_a_file_may_name_a_recipe_and_settle_its_stages(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "method: {type: sft+rlsr, max_response_tokens: 60}\n"
        "stages: {0: {training: {epochs: 2}}, 1: {training: {steps: 5}}}\n",
        encoding="utf-8",
    )
    first, second = load_stages([file]).configs
    assert (first.training.epochs, second.training.steps) == (2, 5)
    assert first.method.max_response_tokens == second.method.max_response_tokens == 60
    with_override = load_stages([file], ["stages.1.training.steps=6"])
    assert with_override.configs[1].training.steps == 6


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_read(name: str) -> None:
    assert load_stages((), [f"method={name}"]).is_pipeline


def test_named_stages_are_left_alone() -> None:
    table = {"stages": [{"method": {"type": "sft"}}]}
    assert with_stages(table, "sft+rlsr") is table


def test_one_run_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="this is a config of 2 stages"):
        load_config((), ["method=sft+rlsr"])


def test_an_unknown_recipe_names_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        load_stages((), ["method=sft+dpo"])
    assert str(caught.value) == (
        "method: a recipe, one of sft+rlsr, got 'sft+dpo'; other stages are written as a list, as in method=[sft,rlsr]"
    )
