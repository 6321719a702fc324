"""What is light stays light: seen in a fresh interpreter."""

import ast
import importlib
import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
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
    "rlsr.watch",
    "rlsr.cli.commands",
    "rlsr.api",
    "rlsr.integrations",
    "rlsr.paper.presets",
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
        "rlsr.watch",
        "textual",
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


def test_scripts_import_what_is_there() -> None:
    """Nothing else runs the benchmarks, and a name that has moved would be found when somebody wants their figures."""
    root = Path(__file__).parents[2]
    scripts = [
        file for folder in ("benchmarks", "examples") for file in (root / folder).glob("*.py")
    ]
    assert len(scripts) > 30
    for file in scripts:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("rlsr"):
                continue
            assert node.module is not None
            module = importlib.import_module(node.module)
            for name in node.names:
                is_there = hasattr(module, name.name) or find_spec(f"{node.module}.{name.name}")
                assert is_there, f"{file.name}:{node.lineno}: {node.module} has no {name.name}"
