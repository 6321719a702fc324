"""A stage that asks for a forecast before it begins, through the command line, on a tiny policy."""

import json
import shutil
from pathlib import Path

import pytest

from rlsr.runs import RunDirectory
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.pipeline_directory import PipelineDirectory
from tiny import Cli

STAGES = [
    "method=[sft,rlsr]", "training.steps=2", "pipeline.forecast=true", "forecast.num_generations=3",
    "evaluation.independent_embedding=builtin:minilm", "validation={num_prompts: 10, every_steps: 1, metric: reward}",
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    file = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    rows = [
        {"prompt": f"Count {number} things", "response": f"There are {number} things here"}
        for number in range(30)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [*tiny_settings, f"data.path={file}", "data.heldout=5", *STAGES]


@pytest.fixture(scope="module")
def finished(
    cli: Cli, settings: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("forecasts") / "both"
    result = cli("train", *settings, "--out", path)
    assert result.returncode == 0, result.stderr
    return path, result.stdout


def test_what_was_forecast_stands_in_the_directory_of_the_stage(
    finished: tuple[Path, str],
) -> None:
    path, output = finished
    found = read_json(path / "2-rlsr" / "forecast.json")
    assert (found["prompts"], found["num_prompts"], found["num_generations"]) == (
        "set aside",
        10,
        3,
    )
    assert f"forecast: it {found['judgement']['verdict']}: " in " ".join(output.split())
    assert not (path / "1-sft" / "forecast.json").exists(), "a supervised stage asks for none"
    took_steps = found["judgement"]["verdict"] != "does not pay"
    assert (RunDirectory(path / "2-rlsr").read_manifest()["num_steps"] > 0) == took_steps


def interrupt(path: Path, verdict: str) -> None:
    """Leave of the second stage what there is after its forecast, which then said so."""
    run = PipelineDirectory.open(path).stages[1]
    table = read_json(run.forecast_file)
    table["judgement"] |= {"verdict": verdict, "reason": "the answers said so"}
    write_json(run.forecast_file, table)
    for name in ("manifest.json", "metrics.jsonl"):
        (run.path / name).unlink(missing_ok=True)
    for directory in (run.final, run.checkpoints):
        shutil.rmtree(directory, ignore_errors=True)


def test_a_stage_that_does_not_pay_takes_no_step_and_keeps_the_model_before_it(
    cli: Cli, finished: tuple[Path, str], tmp_path: Path
) -> None:
    path = tmp_path / "both"
    shutil.copytree(finished[0], path)
    interrupt(path, "does not pay")
    result = cli("train", "--resume", "--out", path)
    assert result.returncode == 0, result.stderr
    assert "does not pay, since the answers said so" in " ".join(result.stdout.split())
    manifest = RunDirectory(path / "2-rlsr").read_manifest()
    assert manifest["num_steps"] == 0
    assert manifest["stopped"].startswith("pipeline.forecast: it does not pay")
    (before,), (after,) = (path.glob(f"{name}/final/*.safetensors") for name in ("1-sft", "2-rlsr"))
    assert before.read_bytes() == after.read_bytes()


def test_where_nobody_can_say_the_stage_trains(
    cli: Cli, finished: tuple[Path, str], tmp_path: Path
) -> None:
    path = tmp_path / "both"
    shutil.copytree(finished[0], path)
    interrupt(path, "cannot say")
    result = cli("train", "--resume", "--out", path)
    assert result.returncode == 0, result.stderr
    assert "asking" not in result.stdout, "it was asked before"
    assert RunDirectory(path / "2-rlsr").read_manifest()["num_steps"] == 2


def test_a_damaged_forecast_is_named(cli: Cli, finished: tuple[Path, str], tmp_path: Path) -> None:
    path = tmp_path / "both"
    shutil.copytree(finished[0], path)
    interrupt(path, "perhaps")
    result = cli("train", "--resume", "--out", path)
    assert result.returncode == 2
    assert "forecast.json: damaged" in " ".join(result.stderr.split())
    assert "delete it, and the stage asks again" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_without_an_encoder_that_the_reward_never_saw_there_is_no_forecast(
    cli: Cli, settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "both"
    result = cli(
        "train",
        *settings,
        "evaluation.independent_embedding=null",
        "training.steps=1",
        "--out",
        path,
    )
    assert result.returncode == 0, result.stderr
    assert "no forecast: evaluation.independent_embedding" in " ".join(result.stdout.split())
    assert RunDirectory(path / "2-rlsr").read_manifest()["num_steps"] == 1
