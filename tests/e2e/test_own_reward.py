"""Rewards of the user's own through the whole way: training, resuming, evaluation and audit."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from interrupted import interrupt_after, numbers_of
from plugin_packages import write_package
from rlsr.config import load_config
from rlsr.pipeline import plan_run, train_run
from rlsr.pipeline.evaluate import evaluate_run
from rlsr.runs import RunDirectory
from tiny import Cli

OWN = '''
import asyncio

import numpy as np

from rlsr.rewards import Part, RewardResult


async def vowels(completions, references, ended, letters="aeiou", **columns):
    """Count vowels, in a coroutine, and leave what has no letter unscored."""
    assert "prompts" in columns and len(references) == len(ended)
    await asyncio.sleep(0)
    texts = [completion[0]["content"] for completion in completions]
    return [sum(c in letters for c in text) / len(text) if text.strip() else None for text in texts]


class Spread:
    """Gives a component of its own."""

    parts = (Part("long", "Share long", is_share=True),)

    def score(self, batch):
        lengths = np.array([len(text) for text in batch.responses], dtype=float)
        return RewardResult(lengths % 7, {"long": (lengths > 20).astype(float)})


def broken(completions, reference):
    return [1 / (len(text) - len(reference[0])) if len(reference) < 2 else missing for text in reference]
'''


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a module of the user's own."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("own", None)
    return tmp_path


def settings_of(tiny_settings: list[str], *more: str) -> list[str]:
    return [*tiny_settings, "reward.type=python", *more]


def means_of(metrics: list[dict[str, Any]], name: str) -> list[float]:
    return [row[name] for row in metrics]


def test_a_coroutine_function_trains_and_resumes(tiny_settings: list[str], workplace: Path) -> None:
    config = load_config(
        overrides=settings_of(
            tiny_settings,
            "reward.function=own:vowels",
            "reward.options.letters=aeiouy",
            "training.keep_checkpoints=9",
        )
    )
    whole, broken = workplace / "whole", workplace / "broken"
    summary = train_run(plan_run(config), whole)
    assert [change.name for change in summary.changes][:2] == ["reward", "chrf"]
    assert {change.name for change in summary.changes if change.in_reward} == {"reward"}
    metrics = RunDirectory(whole).read_metrics()
    assert all(0 <= mean <= 1 for mean in means_of(metrics, "reward/mean"))
    assert "reward/similarity" not in metrics[0]
    card = (whole / "final" / "README.md").read_text(encoding="utf-8")
    assert "rewarded by the scores of reward.function own:vowels" in card
    interrupt_after(1, whole, broken)
    train_run(plan_run(config), broken, resume=True)
    assert numbers_of(broken) == numbers_of(whole)
    weights = Path("final") / "model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()


def test_an_object_is_trained_on_evaluated_and_audited(
    tiny_settings: list[str], workplace: Path
) -> None:
    from rlsr.cli.audit import audit

    settings = settings_of(tiny_settings, "reward.function=own:Spread")
    config = load_config(
        overrides=[*settings, "training.steps=1", "method=sgrpo", "method.prefix_ratios=null"]
    )
    train_run(plan_run(config), workplace / "run")
    (row,) = RunDirectory(workplace / "run").read_metrics()
    assert 0 <= row["reward/share_long"] <= 1
    summary = evaluate_run(plan_run(load_config(overrides=settings)), workplace / "evaluation")
    (suite,) = summary.suites
    assert [metric.name for metric in suite.metrics if metric.in_reward] == ["reward"]
    audit(
        str(config.data.path),
        [setting for setting in settings if not setting.startswith("data")],
        model="none",
        out=workplace / "audit",
    )
    found = json.loads((workplace / "audit" / "audit.json").read_text(encoding="utf-8"))
    assert found["reward"] == "the scores of reward.function own:Spread"
    assert {check["group"] for check in found["checks"]} >= {"attacks"}


def test_what_fails_on_the_way_ends_with_a_message_and_a_traceback_in_the_log(
    cli: Cli, tiny_settings: list[str], workplace: Path
) -> None:
    settings = settings_of(tiny_settings, "reward.function=own:broken")
    result = cli("train", *settings, "--out", "run", cwd=workplace)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert "reward.function own:broken failed on the response to" in result.stderr
    assert "and all others: ZeroDivisionError: division by zero, at " in result.stderr
    log = (workplace / "run" / "log.txt").read_text(encoding="utf-8")
    assert "Traceback" in log
    assert "NameError: name 'missing' is not defined" in log


PLUGIN = """
from typing import Literal

import numpy as np

from rlsr.config.base import ConfigTable
from rlsr.rewards import Part, Reward, RewardKind, RewardResult


class BrevitySettings(ConfigTable):
    type: Literal["brevity"] = "brevity"
    characters: int = 20


class Brevity(Reward):
    parts = (Part("short", "Share short", is_share=True),)

    def __init__(self, characters):
        self._characters = characters

    def score(self, batch):
        lengths = np.array([len(text) for text in batch.responses], dtype=float)
        short = (lengths <= self._characters).astype(float)
        return RewardResult(-lengths / self._characters, {"short": short})


class BrevityKind(RewardKind[BrevitySettings]):
    config = BrevitySettings

    def parts(self, config):
        return Brevity.parts

    def describe(self, config):
        return f"brevity of at most {self.settings(config).characters} characters"

    def open(self, config, device, *, keep=True):
        return Brevity(self.settings(config).characters)
"""


def test_a_package_adds_a_reward_to_the_command_line(
    cli: Cli, tiny_settings: list[str], packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_package(
        packages, "rlsr-brevity", PLUGIN, rlsr_rewards={"brevity": "rlsr_brevity:BrevityKind"}
    )
    write_package(packages, "rlsr-ruin", "1 / 0", rlsr_rewards={"ruin": "rlsr_ruin:f"})
    path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    run = packages.parent / "run"
    result = cli("train", *tiny_settings, "reward=brevity", "training.steps=2", "--out", run)
    assert result.returncode == 0, result.stderr
    assert json.loads((run / "config.json").read_text())["reward"] == {
        "type": "brevity",
        "characters": 20,
    }
    rows = RunDirectory(run).read_metrics()
    assert all(row["reward/mean"] <= 0 and 0 <= row["reward/share_short"] <= 1 for row in rows)
    broken = packages.parent / "broken"
    interrupt_after(1, run, broken)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert numbers_of(broken) == numbers_of(run)
    result = cli("train", *tiny_settings, "reward=ruin", "--out", packages.parent / "no")
    assert result.returncode == 2
    assert (
        "'ruin', which rlsr-ruin (rlsr_ruin:f) adds, cannot be imported: ZeroDivisionError"
        in result.stderr
    )
    assert "Traceback" not in result.stderr
    assert not (packages.parent / "no").exists()
