"""Where a run stands is told from its files."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from growing_run import add_step, begin_run, complete_run
from report_sample import step_rows, write_run, write_sample_pipeline
from rlsr.config import load_config
from rlsr.config.run import RunConfig
from rlsr.runs.json_file import write_json
from rlsr.runs.progress import Progress, TimeLeft, planned_steps, progress_of, time_left
from rlsr.runs.record import read_run
from rlsr.runs.step_totals import Spent


def config(*settings: str) -> RunConfig:
    return load_config(overrides=["data=builtin:instructions", "method.type=rlsr", *settings])


def rows(num: int, *, seconds: float = 2.0, tokens: float = 100.0) -> list[dict[str, Any]]:
    return [
        {"step": step, "time/step": seconds, "tokens/trained": tokens} for step in range(1, num + 1)
    ]


def test_steps_are_left_at_the_pace_of_the_last_ones() -> None:
    slow_then_fast = [*rows(30, seconds=100.0)[:10], *rows(30)[10:]]
    assert time_left(slow_then_fast, config(), 100) == TimeLeft("steps", 0.3, 70 * 2.0)
    measured = [{"step": 0, "time/validation": 50.0}, *rows(3), {"step": 4, "time/step": 2.0, "time/validation": 8.0}]  # fmt: skip
    assert time_left(measured, config(), 8) == TimeLeft("steps", 0.5, 4 * 4.0)


@pytest.mark.parametrize(
    ("settings", "earlier", "limit", "share", "seconds"),
    [
        (["training.max_seconds=40"], 0.0, "training.max_seconds", 0.5, 20.0),
        (["training.max_tokens=4000"], 0.0, "training.max_tokens", 0.25, 60.0),
        (["pipeline.max_seconds=100"], 70.0, "pipeline.max_seconds", 0.9, 10.0),
        (["training.max_seconds=10"], 0.0, "training.max_seconds", 1.0, 0.0),
        (["training.max_seconds=5000"], 0.0, "steps", 0.1, 180.0),
    ],
)
def test_the_limit_that_comes_first_counts(
    settings: list[str], earlier: float, limit: str, share: float, seconds: float
) -> None:
    known = config()
    table = known.model_dump()
    for setting in settings:
        (room, key), value = setting.split("=")[0].split("."), float(setting.split("=")[1])
        table[room][key] = int(value) if key == "max_tokens" else value
    found = time_left(rows(10), RunConfig.model_validate(table), 100, Spent(seconds=earlier))
    assert found is not None
    assert found.limit == limit
    assert [found.share, found.seconds] == pytest.approx([share, seconds])


def test_before_a_step_and_without_a_limit_nobody_knows() -> None:
    assert time_left([], config(), 10) is None
    assert time_left([{"step": 0, "time/validation": 5.0}], config(), 10) is None
    assert time_left(rows(3), config(), None) is None
    without_tokens = [{"step": 1, "time/step": 2.0, "tokens/trained": math.nan}]
    assert time_left(without_tokens, config("training.max_tokens=10"), None) is None


def state(path: Path, *, is_worked_in: bool | None = True) -> Progress:
    return progress_of(read_run(path), is_worked_in=is_worked_in)


def test_what_a_run_does_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", complete=False)
    (path / "provenance.json").unlink()
    said = [state(path).doing]
    write_json(path / "provenance.json", {"sessions": [{"num_steps": 4}]})
    said.append(state(path).doing)
    begun = begin_run(tmp_path / "begun")
    write_json(begun / "provenance.json", {"sessions": [{"num_steps": 4}]})
    said.append(state(begun).doing)
    add_step(begun, 4)
    said.append(state(begun).doing)
    (begun / "evaluation" / "after.jsonl").write_bytes((begun / "evaluation" / "before.jsonl").read_bytes())  # fmt: skip
    said.append(state(begun).doing)
    complete_run(begun)
    said.append(state(begun, is_worked_in=False).doing)
    assert said == [
        "loading the policy",
        "loading, then answering the held-out prompts before training",
        "training, step 4 of 4",
        "answering the held-out prompts after training",
        "writing down what was found",
        "4 steps",
    ]


def test_a_run_that_nobody_works_on_has_stopped(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    assert state(path, is_worked_in=False) == Progress(
        "stopped", 0, "stopped after step 3", state(path).left
    )
    assert state(path, is_worked_in=None).state == "perhaps running"
    empty = write_run(tmp_path / "empty", complete=False)
    assert state(empty, is_worked_in=False).doing == "stopped before the first step"


def test_a_trained_model_says_that_training_is_over(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    (path / "final").mkdir()
    found = state(path)
    assert (found.doing, found.left) == ("answering the held-out prompts after training", None)


def test_of_stages_the_newest_counts_and_the_next_is_named(tmp_path: Path) -> None:
    path = write_sample_pipeline(tmp_path / "pipe", num_prompts=3, num_steps=2)
    assert state(path) == Progress("complete", 1, "2 steps")
    (path / "2-rlsr").rename(path / "elsewhere")
    assert state(path) == Progress("running", 0, "2 steps; 2-rlsr comes next")
    (path / "elsewhere").rename(path / "2-rlsr")
    (path / "2-rlsr" / "manifest.json").unlink()
    assert state(path).stage == 1


def test_an_evaluation_alone_is_called_one(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", complete=False)
    write_json(path / "provenance.json", {"sessions": [{"suites": ["heldout"]}]})
    assert state(path).doing == "answering the prompts of the evaluation"
    write_json(path / "manifest.json", {"num_steps": 0})
    assert state(path).doing == "evaluated, not trained"


def test_planned_steps_are_those_of_the_last_session_or_of_the_config(tmp_path: Path) -> None:
    (stage,) = read_run(write_run(tmp_path / "run", steps=step_rows(1))).stages
    assert planned_steps(stage) is None
    assert planned_steps(replace(stage, config={"training": {"steps": 7}})) == 7
    known = replace(stage, sessions=({"num_steps": 5}, {"num_steps": 9}))
    assert planned_steps(known) == 9
    assert planned_steps(replace(stage, sessions=({"num_steps": "many"},))) is None


def test_a_budget_is_not_said_in_steps(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    table = read_run(path).stages[0].config
    write_json(
        path / "config.json", {**table, "training": {**table["training"], "max_seconds": 20.0}}
    )
    found = state(path)
    assert found.doing == "training, step 4"
    assert found.left is not None
    assert found.left.limit == "training.max_seconds"
