"""With ``training.average_power`` a run trains as without it, and measures and keeps the mean of its weights."""

import re
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from interrupted import Killed, KilledAfter, numbers_of
from rlsr.config import load_config
from rlsr.pipeline.plan import plan_run
from rlsr.pipeline.run import train_run
from rlsr.runs import RunDirectory
from tiny import Cli

WEIGHTS = {"null": "model.safetensors", "{rank: 4}": "adapter_model.safetensors"}


@pytest.fixture
def settings(tiny_settings: list[str]) -> list[str]:
    """Supervised steps: the quickest."""
    return [
        *(setting for setting in tiny_settings if not setting.startswith("method.")),
        "method=sft",
        "method.max_response_tokens=8",
        "training.steps=6",
        "training.keep_checkpoints=9",
        "evaluation.enabled=false",
    ]


def train(path: Path, settings: list[str], **options: Any) -> RunDirectory:
    train_run(plan_run(load_config(overrides=settings)), path, **{"resume": False, **options})
    return RunDirectory(path)


def checkpoint(run: RunDirectory, step: int, name: str) -> dict[str, Any]:
    weights: dict[str, Any] = load_file(run.checkpoints / f"checkpoint-{step}" / name)
    return weights


@pytest.mark.parametrize("lora", ["null", pytest.param("{rank: 4}", marks=pytest.mark.slow)])
def test_the_trained_model_is_the_mean_of_the_weights_and_training_is_the_same(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    settings.append(f"model.lora={lora}")
    plain = train(tmp_path / "plain", settings)
    mean = train(tmp_path / "mean", [*settings, "training.average_power=1"])
    assert numbers_of(mean.path) == numbers_of(plain.path)
    steps = range(1, 7)
    per_step = [checkpoint(plain, step, WEIGHTS[lora]) for step in steps]
    for step, weights in zip(steps, per_step, strict=True):
        own = checkpoint(mean, step, WEIGHTS[lora])
        assert all((own[name] == weight).all() for name, weight in weights.items())
    trained = load_file(mean.final / WEIGHTS[lora])
    for name, weight in trained.items():
        expected = sum(step * one[name] for step, one in zip(steps, per_step, strict=True)) / 21
        assert (weight - expected).abs().max() < 1e-6, name
    assert any((weight != per_step[-1][name]).any() for name, weight in trained.items())
    assert "mean over the steps" in (mean.final / "README.md").read_text(encoding="utf-8")


def test_validation_measures_and_keeps_the_mean_and_a_killed_run_keeps_the_same(
    settings: list[str], tmp_path: Path
) -> None:
    settings.append("validation={num_prompts: 3, every_steps: 2, metric: nll, tolerance: 0}")
    plain = train(tmp_path / "plain", settings)
    settings.append("training.average_power=0")
    whole = train(tmp_path / "whole", settings)
    measured, of_plain = (
        [row["validation/nll"] for row in numbers_of(run.path) if "validation/nll" in row]
        for run in (whole, plain)
    )
    assert len(measured) == 4
    assert measured[0] == of_plain[0], "before the first step there is no mean"
    assert not set(measured[1:]) & set(of_plain[1:])
    best = whole.read_manifest()["best_step"]
    assert best in {2, 4, 6}, "the example is one that learns"
    before = [checkpoint(plain, step, "model.safetensors") for step in range(1, best + 1)]
    for name, weight in load_file(whole.final / "model.safetensors").items():
        assert (weight - sum(one[name] for one in before) / best).abs().max() < 1e-6, name
    broken, file = tmp_path / "broken", "model.safetensors"
    with pytest.raises(Killed):
        train(broken, settings, observer=KilledAfter(3))
    resumed = train(broken, settings, resume=True)
    assert numbers_of(broken) == numbers_of(whole.path)
    assert (resumed.final / file).read_bytes() == (whole.final / file).read_bytes()


def test_a_dry_run_says_what_is_saved(cli: Cli, tiny_settings: list[str]) -> None:
    result = cli("train", *tiny_settings, "training.average_power=1", "--dry-run")
    said = re.sub(r"\s+", " ", result.stdout)
    assert (
        "their mean over the steps (training.average_power=1) is what is measured and saved" in said
    )
