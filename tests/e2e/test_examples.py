"""What the documents show must work: every config in examples/, every command of the README."""

import re
import shlex
from pathlib import Path

import pytest

from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.experiment import load_experiment
from rlsr.comparison.recipe import check_agreement
from rlsr.config import load_stages
from tiny import Cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^(rlsr .+?)(?:\s+#.*)?$", README, flags=re.MULTILINE)))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name
)
def test_every_example_config_loads(path: Path) -> None:
    if path.name == "compare.yaml":
        check_agreement(resolve_recipes(load_experiment(path)))
    else:
        load_stages([path])


def test_the_readme_shows_commands() -> None:
    assert any(command.startswith("rlsr train") for command in COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        # It plans every recipe with the real policy.
        pytest.param(one, marks=[pytest.mark.slow] if one.startswith("rlsr compare") else [])
        for one in COMMANDS
    ],
)
def test_every_readme_command_is_understood(
    cli: Cli, tiny_data: Path, tiny_model: Path, tmp_path: Path, command: str
) -> None:
    words = shlex.split(command)[1:]
    # The README speaks of the reader's own data and of a model on the hub.
    words = [str(tiny_data) if word == "my.jsonl" else word for word in words]
    words = [
        str(tiny_model)
        if "/" in word
        and not word.endswith(".yaml")
        and not (ROOT / word).exists()
        and "=" not in word
        else word
        for word in words
    ]
    if words[0] == "train":
        if "--resume" in words:
            pytest.skip("needs an interrupted run; tests/invariant/test_resume.py has one")
        words.append("--dry-run")
    if words[0] in {"report", "chat", "export"}:
        pytest.skip(f"needs a run; tests/e2e/test_{words[0]}.py has one")
    if words[0] == "average":
        pytest.skip("needs runs; tests/unit/export/test_average.py has some")
    if words[0] == "compare":
        words.append("--dry-run")
    if words[0] == "audit":
        words += ["--model", str(tiny_model)]
    words = [str(ROOT / word) if word.startswith("examples/") else word for word in words]
    result = cli(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
