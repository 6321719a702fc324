"""The JSON schema of an experiment: what is read is right by it, and what is misspelt is not."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rlsr.comparison.experiment import ExperimentConfig, experiment_from_table
from rlsr.comparison.schema import experiment_schema

EXAMPLE = Path(__file__).parents[3] / "examples" / "compare.yaml"
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@cache
def validator() -> jsonschema.Draft7Validator:
    schema = experiment_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def mistakes(table: dict[str, Any]) -> list[str]:
    return [error.message for error in validator().iter_errors(json.loads(json.dumps(table)))]


def experiment(**changes: Any) -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return {**table, **changes}


@pytest.mark.parametrize(
    "file",
    [EXAMPLE, *(file for file in sorted(BENCHMARKS.glob("*.yaml")) if "recipes:" in file.read_text("utf-8"))],
    ids=lambda file: file.stem,
)  # fmt: skip
def test_what_is_kept_is_right(file: Path) -> None:
    assert mistakes(yaml.safe_load(file.read_text(encoding="utf-8"))) == []


def test_it_knows_every_setting_of_an_experiment() -> None:
    assert set(experiment_schema()["properties"]) == set(ExperimentConfig.model_fields)


def test_what_an_experiment_keeps_is_right() -> None:
    table = experiment_from_table(experiment(base={"data": "my.jsonl"})).model_dump(mode="json")
    assert mistakes(table) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {}},
        {"budget": {"by": "hours", "amount": 1}},
        {"budget": {"by": "steps", "amount": 0}},
        {"base": {"trainin": {}}},
        {"base": ["smollm2.yaml", {"training": {"stebs": 1}}]},
        {"recipes": {"base": {}, "rlsr": {"method": "rlrs"}}},
        {"recipes": {"base": {}, "rlsr": {"chose": "sft"}}},
        {"recipes": {"base": {}, "two": {"stages": [{"method": "sft", "budget_share": 1}]}}},
        {"recipes": {"base": {}}},
        {"again": {"drawn": {"training": {}}}},
        {"seeds": []},
    ],
    ids=str,
)
def test_what_is_misspelt_is_wrong(changes: dict[str, Any]) -> None:
    assert mistakes(experiment()) == []
    assert mistakes(experiment(**changes)) != []


def test_stages_of_a_recipe_share_its_budget() -> None:
    recipe = {"method": ["sft", "rlsr"], "budget_share": [0.25, 0.75], "choose": {"seed": [1, 2]}}
    assert mistakes(experiment(recipes={"base": None, "two": recipe})) == []
