"""Runs with the engine verl around something that stands in for verl, which is how all of rlsr's side is tried in seconds."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from fake_verl import SAYS, install
from rlsr.config import RunConfig, load_config, load_stages
from rlsr.engines import SilentObserver
from rlsr.errors import EngineError, MissingPackageError, RewardError, RunError
from rlsr.interruption import Interrupted
from rlsr.pipeline import plan_run, train_run, train_stages
from rlsr.runs import RunDirectory


@pytest.fixture
def verl_settings(tiny_settings: list[str], tmp_path: Path) -> list[str]:
    """Three steps of 2 x 4 responses, scored where verl would be."""
    return [
        *tiny_settings,
        "method=rlsr",
        "evaluation.enabled=false",
        "engine=verl",
        f"engine.python={install(tmp_path)}",
    ]


def config_of(settings: list[str], *more: str) -> RunConfig:
    return load_config(overrides=[*settings, *more])


def test_a_run_follows_verl_and_brings_its_model_back(
    verl_settings: list[str], tmp_path: Path
) -> None:
    config = config_of(verl_settings, "training.save_every=2")
    summary = train_run(plan_run(config), tmp_path / "run")
    assert summary.num_steps == 3
    run = RunDirectory(tmp_path / "run")
    rows = run.read_metrics()
    # The k-th response of a group is worth k + step.
    assert [row["reward/mean"] for row in rows] == [2.5, 3.5, 4.5]
    assert [row["time/step"] for row in rows] == [1.5] * 3
    assert [row["optim/learning_rate"] for row in rows] == [0.01] * 3
    assert [row["tokens/total"] for row in rows] == [32, 64, 96]
    assert (run.final / "model.safetensors").is_file()
    assert (run.path / "samples").is_dir()
    assert run.is_complete
    written = json.loads((run.path / "verl" / "run.json").read_text(encoding="utf-8"))
    assert written["num_prompts"] == 8


@pytest.mark.slow
def test_verl_goes_on_from_the_stage_before_whose_adapters_are_merged(
    verl_settings: list[str], tmp_path: Path
) -> None:
    """SFT by TRL, then RLSR by verl."""
    shared = [one for one in verl_settings if not one.startswith(("engine", "method", "stages"))]
    python = config_of(verl_settings).engine.model_dump()["python"]
    stages = (
        "stages=[{method: sft, model: {lora: {rank: 4}}}, "
        f"{{method: {{type: rlsr, num_generations: 4}}, engine: {{type: verl, python: {python}}}}}]"
    )
    more = ["method.max_response_tokens=8", "training.steps=2"]
    staged = load_stages(overrides=[*shared, stages, *more])
    train_stages(staged, tmp_path / "run")
    first, second = tmp_path / "run" / "1-sft", tmp_path / "run" / "2-rlsr"
    assert (first / "final" / "adapter_model.safetensors").is_file()
    assert sorted(path.name for path in (second / "verl" / "start").glob("*.safetensors")) == [
        "model.safetensors"
    ]
    assert (second / "final" / "model.safetensors").is_file()
    assert len(RunDirectory(second).read_metrics()) == 2


class _AsksToEnd(SilentObserver):
    """Sends the signal that Ctrl-C sends, after a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        if step == self._step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
def test_a_run_that_is_asked_to_end_saves_its_step_and_goes_on(
    verl_settings: list[str], tmp_path: Path
) -> None:
    config = config_of(verl_settings, "training.save_every=50")
    plan, path = plan_run(config), tmp_path / "run"
    with pytest.raises(Interrupted) as caught:
        train_run(plan, path, observer=_AsksToEnd(2))
    assert caught.value.step == 2
    saved = path / "checkpoints" / "latest_checkpointed_iteration.txt"
    assert saved.read_text(encoding="utf-8") == "2"
    summary = train_run(plan, path, resume=True)
    assert summary.num_steps == 3
    rows = RunDirectory(path).read_metrics()
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert rows[-1]["tokens/total"] == 96


@pytest.mark.slow
def test_a_budget_ends_it_with_a_checkpoint_and_the_model_of_then(
    verl_settings: list[str], tmp_path: Path
) -> None:
    config = config_of(verl_settings, "training.save_every=50", "training.max_seconds=2")
    summary = train_run(plan_run(config), tmp_path / "run")
    assert summary.num_steps == 2
    assert summary.stopped is not None
    assert "training.max_seconds" in summary.stopped
    assert (tmp_path / "run" / "checkpoints" / "global_step_2" / "data.pt").is_file()


@pytest.mark.slow
def test_validation_measures_what_verl_has_saved_and_keeps_the_best(
    verl_settings: list[str], tmp_path: Path
) -> None:
    more = ["validation.num_prompts=2", "validation.every_steps=2", "validation.metric=reward"]
    summary = train_run(plan_run(config_of(verl_settings, *more)), tmp_path / "run")
    rows = RunDirectory(tmp_path / "run").read_metrics()
    assert [row["step"] for row in rows if "validation/reward" in row] == [0, 2, 3]
    assert summary.kept is not None


@pytest.mark.slow
def test_where_verl_dies_its_log_is_named(
    verl_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SAYS, "dies_at:2")
    config = config_of(verl_settings)
    with pytest.raises(EngineError) as caught:
        train_run(plan_run(config), tmp_path / "run")
    log = tmp_path / "run" / "verl" / "log.txt"
    assert str(caught.value) == (
        f"verl has ended with code 1 in the middle of training; {log} says why:\nverl has died"
    )
    monkeypatch.setenv(SAYS, "")
    assert train_run(plan_run(config), tmp_path / "run", resume=True).num_steps == 3


@pytest.mark.slow
def test_where_the_reward_fails_nothing_is_waited_for(
    verl_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SAYS, "reward_fails")
    with pytest.raises(RewardError) as caught:
        train_run(plan_run(config_of(verl_settings)), tmp_path / "run")
    failure = tmp_path / "run" / "verl" / "reward_failure.txt"
    assert str(caught.value) == (
        f"the reward fails in verl's environment: RewardError: no such word; {failure} has the whole traceback"
    )


@pytest.mark.slow
def test_a_checkpoint_that_is_not_whole_is_not_gone_on_from(
    verl_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SAYS, "dies_at:3")
    plan, path = plan_run(config_of(verl_settings)), tmp_path / "run"
    with pytest.raises(EngineError):
        train_run(plan, path)
    (path / "checkpoints" / "global_step_2" / "data.pt").unlink()
    with pytest.raises(RunError) as caught:
        train_run(plan, path, resume=True)
    assert str(caught.value) == (
        f"{path}/checkpoints/global_step_2: latest_checkpointed_iteration.txt names it as the newest checkpoint, and it is not whole; put "
        "it back, or name an older one in that file"
    )


def test_a_missing_environment_is_said_before_anything_is_written(
    verl_settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SAYS, "has_no_verl")
    with pytest.raises(MissingPackageError, match=r"verl \(in the environment of .*pip install 'rlsr\[verl\]'"):  # fmt: skip
        plan_run(config_of(verl_settings))
