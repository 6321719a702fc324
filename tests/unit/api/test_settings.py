"""Configs and settings as Python has them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.api.settings import files_of, named_data, overrides_of, read_layers, staged_table
from rlsr.config import load_stages
from rlsr.config.stages import check_stages
from rlsr.errors import ConfigError


def test_tables_and_files_are_layers_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {steps: 3}\n", encoding="utf-8")
    layers = read_layers([file, {"training": {"steps": 4, "adam_betas": (0.9, 0.99)}}])
    assert layers == [
        {"training": {"steps": 3}},
        {"training": {"steps": 4, "adam_betas": [0.9, 0.99]}},
    ]
    assert read_layers(None) == []
    assert read_layers(str(file)) == layers[:1]
    assert files_of([file, {}]) == [file]


def test_settings_mean_what_the_command_line_means(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("stages: [{method: sft}, {method: rlsr}]\n", encoding="utf-8")
    arguments = ["stages.1.training.steps=7", "model.lora=null", "seed=3"]
    expected = load_stages([file], arguments)
    as_list = check_stages(staged_table(read_layers(file), overrides_of(arguments)))
    table = {"stages.1.training.steps": np.int64(7), "model.lora": None, "seed": 3}
    as_table = check_stages(staged_table(read_layers(file), overrides_of(table)))
    assert as_list == expected
    assert as_table == expected
    assert expected.configs[1].training.steps == 7


def test_a_path_is_a_text() -> None:
    assert overrides_of({"data.path": Path("my.jsonl")}) == [{"data": {"path": "my.jsonl"}}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("training.steps=4", "put it into a list"),
        ([("training.steps", 4)], "a list holds KEY=VALUE texts"),
        ({"training..steps": 4}, "a key has names with dots between them"),
        ({4: 4}, "a key has names with dots between them, as in 'training.steps', got 4"),
        (["training.steps"], "an override is written dotted.key=value"),
    ],
)
def test_other_forms_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        overrides_of(settings)


def test_a_config_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="config: must be a YAML file, a table of settings"):
        read_layers([4])  # type: ignore[list-item]


def test_the_data_of_a_config_give_a_run_its_name() -> None:
    assert named_data([{"data": "my.jsonl"}], []) == "my.jsonl"
    assert named_data([{"data": "my.jsonl"}], [{"data": {"path": "other.csv"}}]) == "other.csv"
    assert named_data([], []) == "builtin:instructions"
