"""Runs and pipelines are read as they lie on disk, and what is damaged is named with its place."""

import json
import math
from pathlib import Path

import pytest

from report_sample import (
    heldout_rows,
    step_rows,
    write_run,
    write_sample_pipeline,
    write_sample_run,
)
from rlsr.errors import RunError
from rlsr.runs.record import is_run, read_run

SURROGATE = "half of a pair \ud83d, \u2028 and a null \x00"


def test_a_complete_run_has_steps_answers_and_summary(tmp_path: Path) -> None:
    run = read_run(write_sample_run(tmp_path / "run", num_prompts=5, num_steps=4))
    assert run.is_complete
    assert not run.is_pipeline
    (stage,) = run.stages
    assert (stage.name, stage.method) == ("run", "rlsr")
    assert [row["step"] for row in stage.steps] == [1, 2, 3, 4]
    assert stage.steps[0]["reward/p50"] == pytest.approx(stage.steps[0]["reward/mean"])
    assert run.before is not None
    assert run.after is not None
    assert [row.key for row in run.before] == [row.key for row in run.after]
    assert run.after[0].scores["bleu"] > 0


def test_a_pipeline_begins_with_its_first_stage_and_ends_with_its_last(tmp_path: Path) -> None:
    run = read_run(write_sample_pipeline(tmp_path / "pipe"))
    assert run.is_pipeline
    assert [stage.name for stage in run.stages] == ["1-sft", "2-rlsr"]
    assert [stage.method for stage in run.stages] == ["sft", "rlsr"]
    assert run.before == run.stages[0].before
    assert run.after == run.stages[1].after
    assert run.is_complete


def test_a_pipeline_that_was_not_finished_names_what_is_missing(tmp_path: Path) -> None:
    path = write_sample_pipeline(tmp_path / "pipe")
    stages = [{"name": name} for name in ("1-sft", "2-rlsr", "3-dpo")]
    (path / "pipeline.json").write_text(json.dumps({"stages": stages}), encoding="utf-8")
    run = read_run(path)
    assert run.missing_stages == ("3-dpo",)
    assert not run.is_complete
    assert run.after is None, "the last stage has not answered yet"


def test_a_run_without_anything_but_its_config_is_read(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", complete=False))
    assert not run.is_complete
    assert (run.before, run.after, run.stages[0].steps) == (None, None, ())


def test_an_untrained_policy_needs_no_training(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "base", after=heldout_rows(0.3, 3)))
    assert run.stages[0].method == "untrained"
    assert run.is_complete


def test_null_is_not_a_number_and_never_zero(tmp_path: Path) -> None:
    rows = heldout_rows(0.5, 2)
    rows[0]["scores"]["chrf"] = None
    steps = step_rows(2)
    steps[1]["reward/mean"] = None
    (stage,) = read_run(write_run(tmp_path / "run", after=rows, steps=steps)).stages
    assert stage.after is not None
    assert math.isnan(stage.after[0].scores["chrf"])
    assert math.isnan(stage.steps[1]["reward/mean"])


def test_of_a_step_that_was_taken_twice_the_last_line_counts(tmp_path: Path) -> None:
    again = {**step_rows(2)[1], "optim/kl": 0.5}
    steps = [*step_rows(3), again, *step_rows(3)[2:]]
    (stage,) = read_run(write_run(tmp_path / "run", steps=steps)).stages
    assert [row["step"] for row in stage.steps] == [1, 2, 3]
    assert stage.steps[1]["optim/kl"] == 0.5


def test_a_step_that_is_taken_again_takes_back_those_after_it(tmp_path: Path) -> None:
    again = {**step_rows(2)[1], "optim/kl": 0.5}
    (stage,) = read_run(write_run(tmp_path / "run", steps=[*step_rows(4), again])).stages
    assert [row["step"] for row in stage.steps] == [1, 2], "the resumed run ended earlier"


def test_any_text_survives(tmp_path: Path) -> None:
    rows = [{**heldout_rows(0.5, 1)[0], "response": SURROGATE}]
    (stage,) = read_run(write_run(tmp_path / "run", after=rows)).stages
    assert stage.after is not None
    assert stage.after[0].response == SURROGATE


def test_a_last_step_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=step_rows(2), complete=False)
    with (path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 3, "rew')
    assert len(read_run(path).stages[0].steps) == 2


@pytest.mark.parametrize(
    ("file", "number", "line", "parts"),
    [
        ("metrics.jsonl", 1, '{"step": 1, "rew', ["metrics.jsonl:1", "damaged line"]),
        ("metrics.jsonl", 2, "[1]", ["metrics.jsonl:2", "damaged"]),
        ("metrics.jsonl", 2, '{"step": 2, "optim/kl": "low"}', ["metrics.jsonl:2", "optim/kl", "valid number"]),
        ("metrics.jsonl", 2, '{"optim/kl": 1}', ["metrics.jsonl:2", "no step"]),
        ("evaluation/after.jsonl", 2, '{"id": "a"}', ["after.jsonl:2", "prompt", "required"]),
        ("evaluation/after.jsonl", 3, '{"id": "a"', ["after.jsonl:3", "damaged line"]),
        ("evaluation/before.jsonl", 1, "", ["before.jsonl:1", "damaged line"]),
    ],
)  # fmt: skip
def test_a_damaged_line_is_named(
    tmp_path: Path, file: str, number: int, line: str, parts: list[str]
) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=3, num_steps=3)
    lines = (path / file).read_text(encoding="utf-8").splitlines()
    lines[number - 1] = line
    (path / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        read_run(path)
    for part in (*parts, "leave the directory out"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text", "part"),
    [
        ("manifest.json", "{", "manifest.json: damaged"),
        ("config.json", "[]", "config.json: damaged: expected an object, got list"),
        ("provenance.json", "\udc80", "provenance.json: damaged or unreadable"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, file: str, text: str, part: str) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    (path / file).write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(RunError, match=part):
        read_run(path)


@pytest.mark.parametrize("text", ['{"stages": [{}]}', '{"stages": 3}', "{}"])
def test_a_pipeline_whose_list_of_stages_is_damaged_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pipeline.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"pipeline\.json: damaged"):
        read_run(tmp_path)


def test_a_pipeline_without_a_begun_stage_has_nothing_to_report(tmp_path: Path) -> None:
    (tmp_path / "pipeline.json").write_text('{"stages": [{"name": "1-sft"}]}', encoding="utf-8")
    with pytest.raises(RunError, match="no stage of this pipeline was begun"):
        read_run(tmp_path)


def test_what_is_no_run_is_refused_with_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello", encoding="utf-8")
    for path, got in ((tmp_path, "another directory"), (file, "a file"), (tmp_path / "no", "nothing")):  # fmt: skip
        assert not is_run(path)
        with pytest.raises(RunError) as caught:
            read_run(path)
        assert f"got {got}" in str(caught.value)
        assert str(path) in str(caught.value)
