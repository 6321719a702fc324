"""Measuring what a comparison has trained once more: which policies are asked, and what is kept."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from comparisons import finish, make_plan
from rlsr.comparison.again import Again, measure_again, plan_again
from rlsr.comparison.averages import AVERAGED
from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.experiment import BudgetConfig
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.result import Comparison
from rlsr.comparison.run import run_comparison
from rlsr.errors import ConfigError, RunError


def run(cell: Cell, say: Say) -> int:
    finish(cell)
    return 0


def fail(cell: Cell, say: Say) -> int:
    return 1


def train(cell: Cell, say: Say) -> int:
    """Leave one weight, by which policies are told apart."""
    finish(cell)
    if not cell.is_untrained:
        weight = {"sft": 0.0, "rlsr": 8.0, "sft+rlsr": 16.0}[cell.recipe] + cell.seed
        save_file(
            {"weight": torch.full((2, 2), 1 + weight / 64)},
            cell.runs[-1].final / "model.safetensors",
        )
    return 0


def silent(line: str) -> None:
    pass


def way(plan: ComparisonPlan, temperature: float = 1.0) -> Again:
    config = plan.recipes[0].stages[0]
    evaluation = config.evaluation.model_copy(update={"temperature": temperature})
    return Again(
        "sampled", {"evaluation": {"temperature": temperature}},
        config.model_copy(update={"evaluation": evaluation}), plan.metrics, 12, "ab12",
    )  # fmt: skip


@pytest.fixture
def complete(tmp_path: Path) -> tuple[ComparisonPlan, Comparison, Path]:
    plan, path = make_plan(), tmp_path / "out"
    return plan, run_comparison(plan, path, silent, execute=run), path


def test_every_policy_is_asked_once_as_it_was_left(
    complete: tuple[ComparisonPlan, Comparison, Path],
) -> None:
    plan, comparison, path = complete
    asked: list[Cell] = []

    def execute(cell: Cell, say: Say) -> int:
        asked.append(cell)
        return run(cell, say)

    found = measure_again(plan, [way(plan)], comparison, path, silent, execute=execute)["sampled"]
    by_name = {cell.name: cell for cell in asked}
    assert list(by_name) == [
        "base, seed 0, sampled", "sft, seed 0, sampled", "rlsr, seed 0, sampled", "sft+rlsr, seed 0, sampled",
        "sft, seed 1, sampled", "rlsr, seed 1, sampled", "sft+rlsr, seed 1, sampled",
    ]  # fmt: skip
    both = by_name["sft+rlsr, seed 1, sampled"]
    last_stage = path / "runs" / "sft+rlsr" / "seed-1"
    model = Path(both.stages[0].model.name)
    assert model.name == "final"
    assert model.is_relative_to(last_stage.resolve())
    assert "rlsr" in str(model.relative_to(last_stage.resolve()))
    assert both.stages[0].evaluation.temperature == 1.0
    assert both.command[0] == "evaluate"
    assert by_name["base, seed 0, sampled"].stages[0].model == plan.recipes[0].stages[0].model
    assert [one.num_steps for one in found.recipes] == [one.num_steps for one in comparison.recipes]
    assert found.curves is None
    # What is there is not asked again.
    again = measure_again(plan, [way(plan)], comparison, path, silent, execute=fail)
    assert again["sampled"] == found


def test_other_settings_under_the_same_name_are_refused(
    complete: tuple[ComparisonPlan, Comparison, Path],
) -> None:
    plan, comparison, path = complete
    measure_again(plan, [way(plan)], comparison, path, silent, execute=run)
    with pytest.raises(ConfigError, match=r"again\.evaluation\.temperature"):
        measure_again(plan, [way(plan, 0.5)], comparison, path, silent, execute=run)


def test_what_fails_is_named_and_the_rest_is_kept(
    complete: tuple[ComparisonPlan, Comparison, Path],
) -> None:
    plan, comparison, path = complete

    def execute(cell: Cell, say: Say) -> int:
        return fail(cell, say) if cell.recipe == "rlsr" else run(cell, say)

    with pytest.raises(RunError, match=r"2 of 7 runs.*\n  rlsr, seed 0, sampled: exit code 1"):
        measure_again(plan, [way(plan)], comparison, path, silent, execute=execute)
    asked: list[str] = []

    def rest(cell: Cell, say: Say) -> int:
        asked.append(cell.name)
        return run(cell, say)

    measure_again(plan, [way(plan)], comparison, path, silent, execute=rest)
    assert asked == ["rlsr, seed 0, sampled", "rlsr, seed 1, sampled"]


def test_the_metrics_are_those_of_the_way(
    complete: tuple[ComparisonPlan, Comparison, Path],
) -> None:
    plan, comparison, path = complete
    fewer = replace(way(plan), metrics=plan.metrics[:2])
    found = measure_again(plan, [fewer], comparison, path, silent, execute=run)["sampled"]
    assert found.metrics == plan.metrics[:2]
    assert set(found.recipes[1].metrics) == {metric.name for metric in plan.metrics[:2]}


def test_the_mean_of_the_seeds_is_one_policy_more(tmp_path: Path) -> None:
    plan, path = make_plan(), tmp_path / "out"
    comparison = run_comparison(plan, path, silent, execute=train)
    averaged = replace(way(plan), name=AVERAGED, averages=True)
    asked: list[str] = []
    lines: list[str] = []

    def measure(cell: Cell, say: Say) -> int:
        asked.append(cell.name)
        weights = load_file(Path(cell.stages[0].model.name) / "model.safetensors")
        mean = {"sft": 0.5, "rlsr": 8.5, "sft+rlsr": 16.5}[cell.recipe]
        assert torch.equal(weights["weight"], torch.full((2, 2), 1 + mean / 64))
        return run(cell, say)

    found = measure_again(plan, [averaged], comparison, path, lines.append, execute=measure)[
        AVERAGED
    ]
    assert asked == ["sft, averaged", "rlsr, averaged", "sft+rlsr, averaged"]
    assert lines[0].startswith("[averaged] sft: 2 seeds, ")
    assert [len(recipe.runs) for recipe in found.recipes] == [1, 1, 1, 1]
    assert [recipe.num_steps for recipe in found.recipes] == [0, 20, 20, 20], "of both seeds"
    assert found.recipes[1].seconds == 2 * comparison.recipes[1].seconds
    assert (found.budget, comparison.budget) == (
        BudgetConfig(by="steps", amount=20), BudgetConfig(by="steps", amount=10),
    )  # fmt: skip
    assert found.scores["base"] == comparison.scores["base"], "what was measured already"
    assert found.notes[0].startswith(
        "averaged: of each recipe the mean of the weights of all its seeds"
    )
    again = measure_again(plan, [averaged], comparison, path, silent, execute=fail)
    assert again[AVERAGED] == found


def test_a_mean_needs_seeds_on_one_model() -> None:
    with pytest.raises(ConfigError, match=r"average: is the mean .* got seeds=\[0\]"):
        make_plan(average=True, seeds=[0])
    with pytest.raises(ConfigError, match="is the name of what average measures"):
        make_plan(average=True, again={AVERAGED: {"evaluation": {"temperature": 1.0}}})
    plan = make_plan(average=True)
    plan_again(plan.experiment, plan.recipes)
    *recipes, both = plan.recipes
    sft, rlsr = both.stages
    model = sft.model.model_copy(update={"lora": None})
    mixed = replace(both, stages=(sft.model_copy(update={"model": model}), rlsr))
    with pytest.raises(ConfigError, match=rf"average: recipes\.{re.escape(both.name)} trains all weights and then adapters"):  # fmt: skip
        plan_again(plan.experiment, (*recipes, mixed))
