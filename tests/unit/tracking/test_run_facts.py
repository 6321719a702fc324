"""How a run is named, grouped and described in trackers."""

from pathlib import Path

import pytest

from rlsr.config.stages import stages_from_table
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.tracking.run_facts import tracked_run
from tracked_runs import GrowingRun


def stage_in(path: Path) -> RunDirectory:
    staged = stages_from_table({"method": ["sft", "rlsr"]})
    stage = PipelineDirectory.create(path, staged).stages[1]
    return RunDirectory.create(stage.path, staged.configs[1])


def test_a_run_alone_has_the_name_of_its_directory(tmp_path: Path) -> None:
    growing = GrowingRun(tmp_path / "mine", "method=sft")
    told = tracked_run(growing.run, growing.config)
    assert (told.name, told.group) == ("mine", None)
    assert told.tags == {
        "run_directory": str(tmp_path / "mine"), "method": "sft", "model": growing.config.model.name,
        "data": "builtin:instructions",
    }  # fmt: skip
    assert told.config["method"]["type"] == "sft"


@pytest.mark.parametrize(
    ("place", "name", "group"),
    [
        ("mine", "2-rlsr", "mine"),
        ("all/runs/sft+rlsr/seed-1", "sft+rlsr/seed-1/2-rlsr", "all"),
        ("all/trials/sft+rlsr/trial-2", "trials/sft+rlsr/trial-2/2-rlsr", "all"),
    ],
)
def test_a_stage_stands_in_its_pipeline_or_comparison(
    tmp_path: Path, place: str, name: str, group: str
) -> None:
    (tmp_path / "all").mkdir()
    write_json(tmp_path / "all" / "experiment.json", {})
    run = stage_in(tmp_path / place)
    told = tracked_run(run, run.read_config())
    assert (told.name, told.group, told.tags["stage"]) == (name, group, "2-rlsr")


def test_one_run_of_a_comparison_is_named_by_recipe_and_seed(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    write_json(tmp_path / "all" / "experiment.json", {})
    growing = GrowingRun(tmp_path / "all" / "runs" / "sft" / "seed-0")
    told = tracked_run(growing.run, growing.config)
    assert (told.name, told.group) == ("sft/seed-0", "all")


def test_secrets_of_the_environment_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = GrowingRun(tmp_path / "mine", "model=/models/hunter2hunter2/x")
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    told = tracked_run(growing.run, growing.config)
    assert "hunter2" not in str(told.config)
    assert "hunter2" not in str(told.tags)
