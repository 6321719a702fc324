"""Which model a path stands for, and which runs it comes from."""

import shutil
from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.config.stages import load_stages
from rlsr.errors import RunError
from rlsr.runs import RunDirectory
from rlsr.runs.lineage import find_trained, saved_steps
from rlsr.runs.pipeline_directory import PipelineDirectory


def make_run(path: Path, model: str, *, has_model: bool = True) -> RunDirectory:
    config = load_config(overrides=["stages=null", f"model.name={model}", "data.path=x.jsonl"])
    run = RunDirectory.create(path, config)
    run.write_provenance({})
    if has_model:
        put_model(run.final)
    return run


def put_model(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "config.json").write_text("{}", encoding="utf-8")


def test_a_run_and_its_final_are_the_same_and_other_paths_are_none(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "org/base")
    for path in (run.path, run.final):
        found = find_trained(path)
        assert found is not None
        assert (found.directory.resolve(), found.run.path.resolve()) == (run.final, run.path)
        assert found.origin.name == "org/base"
        assert found.config.name == str(run.final)
    assert find_trained(tmp_path / "nothing") is None
    assert find_trained(run.checkpoints) is None
    put_model(tmp_path / "other" / "final")
    assert find_trained(tmp_path / "other" / "final") is None, "a directory of that name in no run"


def make_stages(path: Path) -> None:
    staged = load_stages(overrides=["method=[sft,rlsr]", "data.path=x.jsonl", "model.name=org/base"])  # fmt: skip
    PipelineDirectory.create(path, staged)
    first = make_run(path / "1-sft", "org/base")
    make_run(path / "2-rlsr", str(first.final.resolve()))


def test_stages_stand_for_their_last_one_which_comes_from_all(tmp_path: Path) -> None:
    make_stages(tmp_path / "stages")
    moved = tmp_path / "elsewhere" / "moved"
    for path in (tmp_path / "stages", moved):
        if path == moved:
            moved.parent.mkdir()
            shutil.move(tmp_path / "stages", moved)
        found = find_trained(path)
        assert found is not None
        assert [run.path for run in found.line] == [path / "1-sft", path / "2-rlsr"]
        assert found.origin.name == "org/base"
        first = find_trained(path / "1-sft")
        assert first is not None
        assert [run.path.name for run in first.line] == ["1-sft"]


def test_a_run_that_names_itself_is_no_endless_line(tmp_path: Path) -> None:
    path = tmp_path / "run"
    make_run(path, str(path / "final"))
    found = find_trained(path)
    assert found is not None
    assert len(found.line) == 1


def test_without_a_model_what_is_there_is_named(tmp_path: Path) -> None:
    make_stages(tmp_path / "stages")
    last = RunDirectory(tmp_path / "stages" / "2-rlsr")
    shutil.rmtree(last.final)
    put_model(last.checkpoints / "checkpoint-3")
    with pytest.raises(
        RunError,
        match=r"has no trained model yet .*; name .*1-sft, which has one, or name .*2-rlsr with --step, one of 3, or go on with `rlsr train --resume",
    ):
        find_trained(tmp_path / "stages")
    last.write_manifest({"num_steps": 0})
    with pytest.raises(RunError, match="has trained no model, since it is an evaluation"):
        find_trained(last.path)


def test_weights_after_a_step_are_found_among_checkpoints_and_the_best(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "org/base", has_model=False)
    for place in (run.checkpoints / "checkpoint-4", run.best / "step-000002"):
        put_model(place)
    (run.checkpoints / "checkpoint-5").mkdir()
    assert saved_steps(run) == [2, 4]
    for step, place in ((2, run.best / "step-000002"), (4, run.checkpoints / "checkpoint-4")):
        found = find_trained(run.path, step)
        assert found is not None
        assert found.directory == place
    with pytest.raises(RunError, match=r"^--step: .* has the weights after 2, 4, got 5; take one"):
        find_trained(run.path, 5)
