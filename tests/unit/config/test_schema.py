"""The JSON schema for editors: what loads is right by it, and what is misspelt is not."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rlsr.config import RunConfig, load_stages
from rlsr.config.recipes import RECIPES
from rlsr.config.schema import DIALECT, config_schema
from rlsr.config.unions import UNIONS
from rlsr.errors import ConfigError

EXAMPLES = Path(__file__).parents[3] / "examples"
CONFIGS = [
    file for file in sorted(EXAMPLES.glob("*.yaml")) if "recipes:" not in file.read_text("utf-8")
]
"""Those that are no experiments."""


@cache
def validator() -> jsonschema.Draft7Validator:
    schema = config_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def is_right(table: dict[str, Any]) -> bool:
    # As an editor sees it: a key 0 is a text there.
    return bool(validator().is_valid(json.loads(json.dumps(table))))


def loads(table: dict[str, Any], tmp_path: Path) -> bool:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(table), encoding="utf-8")
    try:
        load_stages([file])
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_every_example_is_right(file: Path) -> None:
    assert is_right(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_there_are_examples() -> None:
    assert len(CONFIGS) >= 3


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"method": "rlsr"},
        {"method": "sft+rlsr"},
        {"method": ["sft", "rlsr"]},
        {"method": ["sft", {"type": "rlsr", "num_generations": 4}]},
        {"method": {"num_generations": 4}},
        {"method": {"type": "sft+rlsr", "max_response_tokens": 64, "num_generations": 4}},
        {"method": {"type": "rlsr", "num_generations": 4}, "stages": None},
        {"stages": [{"method": "sft"}, {"method": "rlsr", "training": {"steps": 2}}]},
        {"stages": {0: {"training": {"steps": 2}}}},
        {"model": "org/model", "data": "my.jsonl", "embedding": "builtin:minilm", "engine": "trl"},
        {"model": {"lora": None}, "training": {"learning_rate": 1e-5, "adam_betas": [0.9, 0.99]}},
        {"embedding": {"model": "org/encoder", "max_tokens": 256}},
        {"embedding": "http://localhost:8000/v1#nomic"},
        {"embedding": {"url": "http://localhost:8000/v1", "model": "nomic", "prompt": "of: "}},
        {"evaluation": {"independent_embedding": {"url": "http://localhost/v1", "model": "m"}}},
        {"evaluation": {"independent_embedding": None, "during": [0.5]}},
        {"reward": "numeric"},
        {"reward": {"type": "logic", "translator": "org/model"}},
        {"reward": {"type": "logic", "translator": {"type": "endpoint", "url": "http://l/v1", "model": "m"}}},
        {"reward": {"type": "combined", "members": {"a": "numeric", "b": {"reward": {"type": "regex", "pattern": "x"}, "gate": "a"}}}},
        {"reward": {"type": "combined", "gate": {"member": "b"}, "members": {"a": "exact", "b": {"reward": "math"}}}},
        {"reward": {"similarity": {"variant": "cosine"}, "repetition": {"enabled": False}}},
        {"monitors": {"length": {"action": "stop", "warn": 2}}},
        {"validation": {"num_prompts": 0.1, "patience": 2}},
        {"pipeline": {"sft_stop": {"epoch": 0.5}}},
        {"tracking": "wandb"},
        {"tracking": {"type": "wandb", "project": "mine"}},
        {"tracking": ["tensorboard", {"type": "mlflow", "experiment": "mine"}]},
        {"tracking": []},
        {"evaluation": {"suites": {"ifeval": {"path": "input_data.jsonl", "num_prompts": 50}}}},
        {"evaluation": {"suites": {"arena_hard": {"judge": {"endpoint": {"url": "http://localhost:8000/v1", "model": "m"}}}}}},
    ],
    ids=str,
)  # fmt: skip
def test_what_loads_is_right(table: dict[str, Any], tmp_path: Path) -> None:
    assert loads(table, tmp_path)
    assert is_right(table)


@pytest.mark.parametrize(
    "table",
    [
        {"trainin": {}},
        {"training": {"step": 3}},
        {"training": {"steps": 0}},
        {"training": {"steps": True}},
        {"training": {"adam_betas": [0.9]}},
        {"training": None},
        {"seed": -1},
        {"device": "gpu"},
        {"method": "rlrs"},
        {"method": []},
        {"method": {"type": "rlsr", "level": "block"}},
        {"method": {"type": "sft", "num_generations": 4}},
        {"method": {"num_generation": 4}},
        {"reward": "numerci"},
        {"reward": {"type": "regex", "patern": "x"}},
        {"reward": {"type": "python"}},
        {"reward": {"type": "combined", "members": {"a": "nummeric"}}},
        {"reward": {"type": "combined", "members": {"a": {"reward": "numeric", "wieght": 1}}}},
        {"stages": {"first": {}}},
        {"stages": [{"method": "sft", "trainin": {}}]},
        {"evaluation": {"independent_embedding": {"url": "http://l/v1", "model": "m", "x": 1}}},
        {"monitors": {"length": {"acton": "stop"}}},
        {"tracking": "wandbb"},
        {"tracking": [{"type": "wandb", "projekt": "mine"}]},
        {"evaluation": {"suites": {"ifeval": {"num_prompts": 0}}}},
        {
            "evaluation": {
                "suites": {
                    "arena_hard": {"judge": {"endpoint": {"url": "http://localhost:8000/v1"}}}
                }
            }
        },
    ],
    ids=str,
)
def test_what_is_misspelt_is_wrong_for_both(table: dict[str, Any], tmp_path: Path) -> None:
    assert not loads(table, tmp_path)
    assert not is_right(table)


@pytest.mark.parametrize(
    "overrides",
    [
        *([f"method={method}"] for method in (*UNIONS["method"].tables, *RECIPES)),
        *([f"reward={reward}"] for reward in ("similarity", "exact", "numeric", "math", "choice")),
        ["embedding=builtin:minilm"],
        ["reward={type: judge, endpoint: {url: http://localhost/v1, model: m}}"],
    ],
    ids=str,
)
def test_every_config_that_a_run_keeps_is_right(overrides: list[str]) -> None:
    for config in load_stages(overrides=overrides).configs:
        kept = config.model_dump(mode="json")
        assert [error.message for error in validator().iter_errors(kept)] == []


def test_it_says_what_people_need() -> None:
    schema = config_schema(["length", "cut"])
    assert schema["$schema"] == DIALECT
    steps = schema["$defs"]["TrainingConfig"]["properties"]["epochs"]
    assert steps == {
        "default": 1.0,
        "description": "Passes over the training prompts, or over their references with supervised methods; without effect when "
        "`steps` is set.",
        "exclusiveMinimum": 0,
        "type": "number",
    }
    assert set(schema["properties"]["monitors"]["properties"]) == {"length", "cut"}
    assert set(schema["properties"]) == {*RunConfig.model_fields, "stages"}
    text = json.dumps(schema)
    assert len(text) < 300_000, "an editor reads it again and again"
    for name in [one.partition('"')[0] for one in text.split('"#/$defs/')[1:]]:
        assert name in schema["$defs"]
