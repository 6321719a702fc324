"""The experiments of the claim: equal but for data and budget, and each says what it should."""

from pathlib import Path

import pytest

from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.experiment import load_experiment
from rlsr.comparison.plan import without_choice
from rlsr.comparison.recipe import check_agreement

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SHARES = (0.125, 0.25, 0.5, 0.75)


@pytest.mark.parametrize(
    ("name", "heldout", "seconds"), [("builtin", 128, 1440), ("dolly", 256, 720), ("alpaca", 256, 720)]
)  # fmt: skip
def test_the_supervised_arms_have_their_choice(name: str, heldout: int, seconds: float) -> None:
    experiment = load_experiment(BENCHMARKS / f"claim-{name}.yaml", ["base.data.path=my.jsonl"])
    recipes = {recipe.name: recipe for recipe in resolve_recipes(experiment)}
    check_agreement(tuple(recipes.values()))
    assert without_choice(experiment, tuple(recipes.values())) == []
    assert {name: recipe.methods for name, recipe in recipes.items()} == {
        "base": (),
        "sft": ("sft",),
        "dft": ("dft",),
        "rlsr": ("rlsr",),
        "sft+rlsr": ("sft", "rlsr"),
        "sft+osft": ("sft", "osft"),
    }
    assert (experiment.budget.by, experiment.budget.amount) == ("wall_clock", seconds)
    assert len(experiment.seeds) == 3
    chosen_by = {name: recipe.chosen_by for name, recipe in recipes.items() if recipe.chosen_by}
    assert chosen_by == {"sft": "sft", "dft": "dft", "sft+rlsr": "sft", "sft+osft": "sft"}
    for recipe in recipes.values():
        for stage in recipe.possible_stages:
            assert (stage.data.path, stage.data.heldout) == ("my.jsonl", heldout)
            by_likelihood = name == "alpaca" and stage.method.type == "sft"
            assert stage.validation_metric == ("nll" if by_likelihood else "independent_similarity")
            assert stage.validation.num_prompts == 32
            assert (stage.evaluation.during, stage.evaluation.during_prompts) == (SHARES, 64)
            assert stage.method.max_response_tokens == 80
    for supervised in ("sft", "dft", "sft+rlsr", "sft+osft"):
        found = recipes[supervised].candidates
        rates = [candidate.stages[0].training.learning_rate for candidate in found]
        assert rates == [2e-5, 5e-5, 1e-4]
