"""Recipes that leave settings to a choice: the configs of every combination, and what is refused before anything runs."""

from typing import Any

import pytest

from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.experiment import ExperimentConfig, experiment_from_table
from rlsr.comparison.plan import without_choice
from rlsr.comparison.recipe import Recipe, check_agreement
from rlsr.errors import ConfigError

RATE = "training.learning_rate"
SFT: dict[str, Any] = {"method": "sft", "choose": {RATE: [2e-5, 5e-5]}}


def experiment(recipes: dict[str, Any], **changes: Any) -> ExperimentConfig:
    table = {
        "base": {"validation": {"num_prompts": 4}},
        "recipes": {"base": {}, **recipes},
        "budget": {"by": "wall_clock", "amount": 60},
        **changes,
    }
    return experiment_from_table(table)


def resolve(recipes: dict[str, Any], **changes: Any) -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in resolve_recipes(experiment(recipes, **changes))}


def rates(recipe: Recipe) -> list[list[float | None]]:
    return [[stage.training.learning_rate for stage in found.stages] for found in recipe.candidates]


def test_every_combination_has_a_trial_with_its_share_of_the_budget() -> None:
    sft = resolve({"sft": SFT}, trial_share=0.25)["sft"]
    assert sft.chooses
    assert [candidate.values for candidate in sft.candidates] == [{RATE: 2e-5}, {RATE: 5e-5}]
    assert rates(sft) == [[2e-5], [5e-5]]
    assert sft.stages == sft.candidates[0].stages
    for candidate in sft.candidates:
        (run,), (trial,) = candidate.stages, candidate.trial
        assert (run.training.max_seconds, trial.training.max_seconds) == (60, 15)
        assert run.training.learning_rate == trial.training.learning_rate
    assert sft.with_choice(1).stages == sft.candidates[1].stages


def test_trials_leave_the_held_out_prompts_alone() -> None:
    base = {
        "validation": {"num_prompts": 4},
        "evaluation": {"during": [0.5], "during_prompts": 2},
    }
    for candidate in resolve({"sft": SFT}, base=base)["sft"].candidates:
        assert candidate.stages[0].evaluation.enabled
        assert not candidate.trial[0].evaluation.enabled
        assert candidate.trial[0].evaluation.during == ()
        assert candidate.trial[0].validation == candidate.stages[0].validation


@pytest.mark.parametrize("first", [True, False])
def test_a_pipeline_takes_the_choice_of_another_recipe(first: bool) -> None:
    both = {"method": ["sft", "rlsr"], "choose": "sft"}
    found = resolve({"sft": SFT, "both": both} if first else {"both": both, "sft": SFT})
    assert list(found) == (["base", "sft", "both"] if first else ["base", "both", "sft"])
    assert (found["both"].chosen_by, found["both"].chooses) == ("sft", False)
    assert rates(found["both"]) == [[2e-5, None], [5e-5, None]]
    assert all(not candidate.trial for candidate in found["both"].candidates)
    for candidate in found["both"].candidates:
        assert [stage.training.max_seconds for stage in candidate.stages] == [30, 30]


def test_a_pipeline_may_choose_for_one_stage_or_how_its_budget_is_shared() -> None:
    choose = {f"stages.1.{RATE}": [1.0, 2.0], "budget_share": [[0.5, 0.5], [0.2, 0.8]]}
    both = resolve({"both": {"method": ["sft", "rlsr"], "choose": choose}})["both"]
    assert rates(both) == [[None, 1.0], [None, 1.0], [None, 2.0], [None, 2.0]]
    seconds = [[stage.training.max_seconds for stage in found.trial] for found in both.candidates]
    assert seconds == [[15, 15], [6, 24], [15, 15], [6, 24]]


def test_an_override_replaces_or_removes_a_choice() -> None:
    nested = {**SFT, "choose": {RATE: [2e-5, 5e-5], "training": {"learning_rate": [1.0]}}}
    assert rates(resolve({"sft": nested})["sft"]) == [[1.0]]
    without = resolve({"sft": {**SFT, "choose": None}})["sft"]
    assert (without.chosen_by, without.candidates) == (None, ())


def test_notes_of_all_combinations_are_kept_once() -> None:
    sft = {"method": "sft", "choose": {"training.epochs": [1, 3], RATE: [1.0, 2.0]}}
    base = {"validation": {"num_prompts": 4}, "method": "rlsr", "training": {"learning_rate": 5.0}}
    assert resolve({"sft": sft}, base=base)["sft"].notes == (
        "sft: training.epochs=1 can end it before its budget is used up",
        "sft: training.epochs=3 can end it before its budget is used up",
    )


@pytest.mark.parametrize(
    ("recipes", "changes", "parts"),
    [
        ({"sft": SFT}, {"base": {}}, ["recipes.sft: choose", "validation prompts", "validation.num_prompts is 0", "base: {validation: {num_prompts: 32}}"]),
        ({"sft": {**SFT, "choose": {}}}, {}, ["recipes.sft: choose: has no settings"]),
        ({"sft": {**SFT, "choose": {RATE: []}}}, {}, [f"recipes.sft: choose: {RATE}", "got none"]),
        ({"sft": {**SFT, "choose": {RATE: list(range(1, 26))}}}, {}, ["recipes.sft: choose: must have at most 24", "got 25 = 25"]),
        ({"sft": {**SFT, "choose": {"training.learning_rat": [1.0, 2.0]}}}, {}, ["recipes.sft: training.learning_rat: unknown setting; did you mean training.learning_rate?"]),
        ({"sft": {**SFT, "choose": {RATE: [1.0, -2.0], "training.warmup_steps": [0, 1]}}}, {}, [f"recipes.sft: {RATE}: must be greater than 0, got -2.0 (choose: {RATE}=-2.0, training.warmup_steps=0)"]),
        ({"sft": {**SFT, "choose": {RATE: ["fast"]}}}, {}, [f"recipes.sft: {RATE}", "'fast'", f"(choose: {RATE}=fast)"]),
        ({"sft": {**SFT, "choose": {"training.max_seconds": [5]}}}, {}, ["recipes.sft: training.max_seconds", "budget of the experiment"]),
        ({"sft": {**SFT, "choose": {"seed": [1, 2]}}}, {}, ["recipes.sft.seed", "name them under seeds"]),
        ({"sft": {**SFT, "training": {"learning_rate": 1}}}, {}, [f"recipes.sft: choose: {RATE}: the recipe has a value of its own"]),
        ({"own": {"choose": {"method": ["sft", "dft"]}}}, {}, ["recipes.own: choose", "method", "got sft, dft", "a recipe for each"]),
        ({"sft": {**SFT, "choose": {"validation.metric": ["nll", "reward"]}}}, {}, ["recipes.sft: choose", "same way", "validation.metric"]),
        ({"sft": {**SFT, "choose": {"data.limit": [8, 9]}}}, {}, ["recipes.sft: choose", "same way", "data.limit"]),
        ({"sft": {**SFT, "choose": {"reward.similarity.variant": ["cosine", "blend"]}}},
         {"base": {"validation": {"num_prompts": 4, "metric": "reward"}}}, ["recipes.sft: choose", "reward.similarity.variant"]),
        ({"both": {"stages": [SFT, {"method": "rlsr"}]}}, {}, ["recipes.both: stages.0.choose", "beside stages", "stages.0.training.learning_rate"]),
        ({"own": {"choose": {RATE: [1.0]}}}, {}, ["recipes.own: method: is missing"]),
        ({"sft": SFT, "both": {"method": ["sft", "rlsr"], "choose": "stf"}}, {}, ["recipes.both: choose", "got 'stf'", "the recipes with one are sft"]),
        ({"sft": {**SFT, "choose": "sft"}}, {}, ["recipes.sft: choose", "name of another recipe", "got 'sft'", "no recipe has one"]),
        ({"sft": {"method": "sft"}, "both": {"method": ["sft", "rlsr"], "choose": "sft"}}, {}, ["recipes.both: choose", "got 'sft'", "no recipe has one"]),
        ({"sft": SFT, "a": {"method": "sft", "choose": "sft"}, "b": {"method": "sft", "choose": "a"}}, {}, ["recipes.b: choose", "got 'a'", "with one are sft"]),
        ({"sft": {**SFT, "choose": 3}}, {}, ["recipes.sft: choose", "got 3"]),
        ({"sft": SFT, "rlsr": {"method": "rlsr", "choose": "sft"}}, {}, ["recipes.rlsr: choose", "stages of that method", "only rlsr"]),
        ({"sft": SFT, "own": {"choose": "sft"}}, {}, ["recipes.own: choose", "only none"]),
        ({"both": {"method": ["sft", "rlsr"], "choose": {f"stages.0.{RATE}": [1.0]}}, "sft": {"method": "sft", "choose": "both"}}, {}, ["recipes.sft: choose: both has 2 stages"]),
        ({"sft": SFT}, {"budget": {"by": "steps", "amount": 1}}, ["recipes.sft: budget.amount: 1 steps leave nothing for a trial", "trial_share=0.5"]),
        ({"sft": SFT}, {"budget": {"by": "tokens", "amount": 9}, "trial_share": 0.1}, ["9 tokens leave nothing for a trial", "trial_share=0.1"]),
        ({"both": {"method": ["sft", "rlsr"], "choose": {f"stages.0.{RATE}": [1.0, 2.0]}}}, {"budget": {"by": "steps", "amount": 3}}, ["recipes.both: budget.amount: 1 steps", "2 stages", "in a trial, which has trial_share=0.5"]),
        ({"sft": SFT}, {"trial_share": 0}, ["trial_share", "greater than 0"]),
        ({"sft": SFT}, {"trial_share": 1.5}, ["trial_share", "less than or equal to 1"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_choice_is_refused_with_one_message(
    recipes: dict[str, Any], changes: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(recipes, **changes)
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert len(message.splitlines()) == 1


def test_values_that_measure_otherwise_than_the_other_recipes_are_refused() -> None:
    base = {"validation": {"num_prompts": 4, "metric": "nll"}}
    choose = {"evaluation.confidence": [0.9, 0.8]}
    with pytest.raises(ConfigError, match=r"recipes\.sft: .*evaluation\.confidence"):
        check_agreement(tuple(resolve({"sft": {**SFT, "choose": choose}}, base=base).values()))


def test_when_validation_ends_training_may_be_chosen() -> None:
    sft = {"method": "sft", "choose": {"validation.patience": [None, 2]}}
    found = resolve({"sft": sft})["sft"].candidates
    assert [candidate.trial[0].validation.patience for candidate in found] == [None, 2]


def test_a_reward_may_be_chosen_where_it_is_not_what_chooses() -> None:
    own = {"method": "rlsr", "choose": {"reward.similarity.variant": ["cosine", "blend"]}}
    assert len(resolve({"own": own})["own"].candidates) == 2


@pytest.mark.parametrize(
    ("by", "amount", "share", "expected"),
    [
        ("steps", 30, 0.1, 3),
        ("steps", 3, 0.5, 1),
        ("tokens", 1001, 0.5, 500),
        ("wall_clock", 1, 0.5, 0.5),
    ],
)
def test_whole_numbers_stay_whole(by: str, amount: float, share: float, expected: float) -> None:
    recipes = resolve({"sft": SFT}, budget={"by": by, "amount": amount}, trial_share=share)
    training = recipes["sft"].candidates[0].trial[0].training
    key = {"wall_clock": "max_seconds", "tokens": "max_tokens", "steps": "steps"}[by]
    assert getattr(training, key) == expected


def test_supervised_recipes_without_a_choice_are_named() -> None:
    def said(recipes: dict[str, Any], **changes: Any) -> list[str]:
        asked = experiment(recipes, **changes)
        return without_choice(asked, resolve_recipes(asked))

    rlsr = {"method": "rlsr"}
    (one,) = said({"sft": {"method": "sft"}, "rlsr": rlsr, "both": {"method": ["sft", "rlsr"]}})
    assert one.startswith("recipe sft has no choice to make")
    assert "choose: {training.learning_rate:" in one
    several = {
        "sft": {"method": "sft"},
        "dft": {"method": "dft"},
        "two": {"method": ["sft", "pear"]},
    }
    (two,) = said(several)
    assert two.startswith("recipes sft, dft, two have no choice to make")
    assert said({"sft": SFT, "again": {"method": "sft", "choose": "sft"}, "rlsr": rlsr}) == []
    (share,) = said({"rlsr": rlsr}, trial_share=0.3)
    assert share.startswith("trial_share=0.3 is without effect")
