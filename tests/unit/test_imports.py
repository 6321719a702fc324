"""What is light stays light: seen in a fresh interpreter."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "trl", "datasets", "peft", "accelerate", "sentence_transformers")
LIGHT = (
    "rlsr",
    "rlsr.config",
    "rlsr.runs",
    "rlsr.data",
    "rlsr.errors",
    "rlsr.statistics",
    "rlsr.comparison.result",
    "rlsr.comparison.words",
    "rlsr.report",
    "rlsr.cli.commands",
)


def run(*arguments: str) -> str:
    found = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return found.stdout


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    loaded = set(run("-c", code).split())
    assert "rlsr" in loaded
    assert loaded.isdisjoint(HEAVY), loaded.intersection(HEAVY)


def test_the_commands_load_nothing_that_their_help_does_not_need() -> None:
    code = "import sys, rlsr.cli.commands\nprint(*sys.modules)\n"
    loaded = set(run("-c", code).split())
    assert "rlsr.cli.train" in loaded
    unneeded = {
        "numpy",
        "pydantic",
        "yaml",
        "rlsr.config",
        "rlsr.data",
        "rlsr.evaluation",
        "rlsr.report",
        "rlsr.runs",
    }
    assert loaded.isdisjoint(unneeded), loaded.intersection(unneeded)


def test_reading_a_config_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from rlsr.config import load_config\n"
        "from rlsr.runs import collect_provenance\n"
        "load_config(overrides=['embedding.model=org/encoder', 'embedding.max_tokens=64']), collect_provenance()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    assert set(run("-c", code).split()).isdisjoint(HEAVY)


@pytest.mark.skipif(sys.platform == "win32", reason="no CPU time of child processes")
def test_help_comes_at_once() -> None:
    script = Path(sysconfig.get_path("scripts")) / "rlsr"
    assert script.is_file(), "the package is not installed with its script"
    seconds = []
    for _ in range(3):
        before = os.times()
        text = run(str(script), "--help")
        after = os.times()
        seconds.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        assert "train" in text
    assert min(seconds) < 1.0, f"{min(seconds):.2f} s of CPU time"
