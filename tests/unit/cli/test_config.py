"""``rlsr config``: what a user reads, and what an editor does."""

import json

import pytest
from typer.testing import CliRunner

from rlsr.cli.commands import app
from rlsr.errors import ConfigError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["config", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_setting_is_explained() -> None:
    assert run("explain", "training.warmup_steps").splitlines() == [
        "training.warmup_steps",
        "  a whole number, at least 0; default 3",
        "  Steps before the peak learning rate is reached; the first one learns already.",
        "  written as training.warmup_steps=3, for one stage as stages.1.training.warmup_steps=3",
    ]


def test_a_setting_of_some_types_says_which() -> None:
    said = run("explain", "method.num_generations")
    assert "method.num_generations  (method: rlsr, sgrpo, rlpt)" in said
    assert "method.num_generations  (method: rank)" in said


def test_the_model_of_later_stages_is_no_setting() -> None:
    assert run("explain", "model.name").splitlines()[-1] == "  written as model.name=builtin:smollm2-135m"  # fmt: skip
    assert run("explain", "stages.1.training.steps").splitlines()[-1].endswith("stages.1.training.steps=null")  # fmt: skip


def test_a_table_lists_its_settings_and_nothing_the_tables() -> None:
    said = run("explain", "model.lora")
    assert "written as model.lora: {...}" in said
    assert "rank" in said
    assert "Rank of each adapter." in said
    said = run("explain")
    assert "evaluation" in said
    assert "`rlsr config explain KEY` says more" in said
    assert "`rlsr config explain reward` lists" in run("explain", "reward.members.a.reward")


def test_a_typo_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"did you mean training\.warmup_steps"):
        CliRunner().invoke(
            app, ["config", "explain", "training.warmup_step"], catch_exceptions=False
        )


def test_the_schema_knows_the_monitors() -> None:
    schema = json.loads(run("schema"))
    assert "lost_policy" not in schema["properties"]["monitors"]["properties"]
    assert "length" in schema["properties"]["monitors"]["properties"]
