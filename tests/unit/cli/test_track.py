"""What ``rlsr track`` sends, and what it refuses."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsr.cli.commands import app
from rlsr.cli.track import track
from rlsr.config import stages_from_table
from rlsr.errors import ConfigError, RunError
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json
from rlsr.runs.owner import owned
from rlsr.runs.pipeline_directory import PipelineDirectory
from tracked_runs import GrowingRun, calls_in, steps_in, write_trackers


@pytest.fixture
def notes(tmp_path: Path, packages: Path) -> Path:
    """Where a tracker writes down what it is told."""
    write_trackers(packages)
    return tmp_path / "notes.jsonl"


def to(notes: Path, more: str = "") -> str:
    return f"tracking={{type: one, file: {notes}{more}}}"


def test_a_run_that_was_not_tracked_is_sent_once_even_when_it_was_copied(
    tmp_path: Path, notes: Path
) -> None:
    growing = GrowingRun(tmp_path / "run")
    growing.step(1)
    growing.end()
    result = CliRunner().invoke(app, ["track", str(growing.run.path), to(notes)])
    assert result.exit_code == 0, result.output
    assert f"{growing.run.path}: one: 1 steps sent: at {notes}" in result.output.replace("\n", "")
    assert steps_in(calls_in(notes)) == [1]
    copied = tmp_path / "copied"
    shutil.copytree(growing.run.path, copied)
    result = CliRunner().invoke(app, ["track", str(copied), to(notes)])
    assert "one: nothing new" in result.output.replace("\n", "")
    assert calls_in(notes)[-1][0] == "finish"
    assert steps_in(calls_in(notes)) == [1]
    assert growing.run.read_config() == growing.config


def test_the_trackers_of_the_run_are_told_where_no_other_is_named(
    tmp_path: Path, notes: Path
) -> None:
    growing = GrowingRun(tmp_path / "run", to(notes))
    growing.step(1)
    track(growing.run.path)
    assert steps_in(calls_in(notes)) == [1]


def test_stages_and_comparisons_are_sent_run_by_run(tmp_path: Path, notes: Path) -> None:
    write_json(tmp_path / "experiment.json", {})
    staged = stages_from_table({"method": ["sft", "rlsr"]})
    pipeline = PipelineDirectory.create(tmp_path / "runs" / "both" / "seed-0", staged)
    RunDirectory.create(pipeline.stages[0].path, staged.configs[0])
    GrowingRun(tmp_path / "runs" / "sft" / "seed-0").end()
    GrowingRun(tmp_path / "trials" / "sft" / "trial-1").end()
    track(tmp_path, [to(notes)])
    names = [call[1] for call in calls_in(notes) if call[0] == "open"]
    assert names == ["both/seed-0/1-sft", "sft/seed-0"]


def test_a_tracker_that_fails_ends_with_one_message(tmp_path: Path, notes: Path) -> None:
    growing = GrowingRun(tmp_path / "run", to(notes, ", fails_at: 2"))
    growing.step(1)
    with pytest.raises(RunError, match=r"tracking by one has failed: ConnectionError: no way to.*send the run again"):  # fmt: skip
        track(growing.run.path)


@pytest.mark.parametrize("setting", ["method=sft", "reward.type=logic"])
def test_nothing_but_trackers_can_be_named(tmp_path: Path, setting: str) -> None:
    growing = GrowingRun(tmp_path / "run")
    with pytest.raises(ConfigError, match="a run is as it is, and only says where it is sent"):
        track(growing.run.path, [setting])


def test_a_run_without_trackers_asks_for_one(tmp_path: Path) -> None:
    growing = GrowingRun(tmp_path / "run")
    with pytest.raises(ConfigError, match="the run names no tracker; name one, as in `rlsr track"):
        track(growing.run.path)


@pytest.mark.parametrize("name", ["nothing", "empty", "pipeline"])
def test_what_is_no_run_is_refused(tmp_path: Path, name: str) -> None:
    if name != "nothing":
        (tmp_path / name).mkdir()
    if name == "pipeline":
        (tmp_path / name).rmdir()
        PipelineDirectory.create(tmp_path / name, stages_from_table({"method": ["sft", "rlsr"]}))
    with pytest.raises(RunError, match="expected the directory of a run, a pipeline or a comparison that was begun"):  # fmt: skip
        track(tmp_path / name, ["tracking=tensorboard"])


def test_a_run_that_goes_on_is_left_to_its_own_process(tmp_path: Path, notes: Path) -> None:
    growing = GrowingRun(tmp_path / "all" / "run", to(notes))
    for path in (growing.run.path, growing.run.path.parent):
        with owned(path), pytest.raises(RunError, match="works in this directory"):
            track(growing.run.path)
    assert calls_in(notes) == []
