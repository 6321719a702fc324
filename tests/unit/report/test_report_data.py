"""What a report is on: columns, names, seeds, and what is missing in plain words."""

import json
import shutil
from pathlib import Path

import pytest

from report_sample import (
    METHODS,
    heldout_rows,
    step_rows,
    write_run,
    write_sample_comparison,
    write_sample_pipeline,
    write_sample_run,
)
from rlsr.errors import RunError
from rlsr.report.report_data import BEFORE, read_report_data


def test_a_run_is_shown_before_and_after(tmp_path: Path) -> None:
    data = read_report_data([write_sample_run(tmp_path / "mine", seed=7)])
    assert data.title == "mine"
    assert [policy.name for policy in data.policies] == [BEFORE, "after training"]
    assert [policy.compared_with for policy in data.policies] == [None, BEFORE]
    assert list(data.recipes[0].runs) == [7]
    assert data.notices == ()


def test_a_pipeline_is_shown_after_every_stage(tmp_path: Path) -> None:
    data = read_report_data([write_sample_pipeline(tmp_path / "pipe")])
    assert [policy.name for policy in data.policies] == [BEFORE, "after 1-sft", "after 2-rlsr"]
    assert [len(policy.stages.get(0, ())) for policy in data.policies] == [0, 1, 2]


def test_runs_that_began_alike_share_one_column_for_that(tmp_path: Path) -> None:
    paths = [write_sample_run(tmp_path / name, seed=n) for n, name in enumerate(("one", "two"))]
    data = read_report_data(paths)
    assert [policy.name for policy in data.policies] == [BEFORE, "one", "two"]
    assert {policy.compared_with for policy in data.policies[1:]} == {BEFORE}


def test_runs_of_different_policies_are_compared_with_their_own_start(tmp_path: Path) -> None:
    one = write_sample_run(tmp_path / "one")
    two = write_run(tmp_path / "two", before=heldout_rows(0.6), after=heldout_rows(0.7))
    data = read_report_data([one, two])
    assert [(policy.name, policy.compared_with) for policy in data.policies] == [
        ("one, before", None),
        ("one", "one, before"),
        ("two, before", None),
        ("two", "two, before"),
    ]


def test_directories_of_the_same_name_keep_their_paths(tmp_path: Path) -> None:
    paths = [write_sample_run(tmp_path / place / "run") for place in ("a", "b")]
    data = read_report_data(paths)
    assert [recipe.name for recipe in data.recipes] == [str(path) for path in paths]


def test_a_directory_named_twice_is_refused(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run")
    with pytest.raises(RunError, match="named twice"):
        read_report_data([path, tmp_path / "." / "run"])


def test_different_prompts_are_said_and_counted(tmp_path: Path) -> None:
    one = write_sample_run(tmp_path / "one", num_prompts=12)
    rows = heldout_rows(0.3)[:4]
    two = write_run(tmp_path / "two", before=rows, after=rows, steps=step_rows(1))
    (notice,) = read_report_data([one, two]).notices
    assert "different held-out prompts" in notice
    assert "the 4 that all have" in notice
    other = [{**row, "prompt": "Another?"} for row in rows]
    three = write_run(tmp_path / "three", before=other, after=other, steps=step_rows(1))
    (notice,) = read_report_data([one, three]).notices
    assert "none is common to all" in notice


def test_an_unfinished_run_says_so_and_shows_what_is_there(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", before=heldout_rows(0.3), steps=step_rows(1), complete=False)
    data = read_report_data([path])
    (notice,) = data.notices
    assert "is not complete: 1 step so far" in notice
    assert [policy.name for policy in data.policies] == [BEFORE]


def test_a_run_without_an_evaluation_says_so(tmp_path: Path) -> None:
    data = read_report_data([write_run(tmp_path / "run", steps=step_rows(2))])
    assert data.policies == ()
    assert "was not evaluated" in data.notices[0]


def test_a_run_that_has_not_done_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing to report yet"):
        read_report_data([write_run(tmp_path / "run", complete=False)])


def test_a_comparison_has_its_recipes_with_all_seeds(tmp_path: Path) -> None:
    data = read_report_data([write_sample_comparison(tmp_path / "compared", seeds=(3, 5))])
    assert [policy.name for policy in data.policies] == list(METHODS)
    assert [list(policy.answers) for policy in data.policies] == [[3], *[[3, 5]] * 4]
    assert data.comparison is not None
    assert data.notices == ()


def test_a_comparison_without_an_untrained_recipe_shows_where_all_began(tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "compared")
    table = json.loads((path / "compare.json").read_text(encoding="utf-8"))
    table["recipes"] = [recipe for recipe in table["recipes"] if recipe["name"] != "base"]
    table["baseline"] = "sft"
    (path / "compare.json").write_text(json.dumps(table), encoding="utf-8")
    names = [policy.name for policy in read_report_data([path]).policies]
    assert names == [BEFORE, "sft", "dpo", "rlsr", "sft+rlsr"]


def test_an_unfinished_comparison_takes_the_runs_that_are_there(tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "compared", complete=False)
    shutil.rmtree(path / "runs" / "dpo")
    data = read_report_data([path])
    assert data.comparison is None
    assert [policy.name for policy in data.policies] == ["base", "rlsr", "sft", "sft+rlsr"]
    assert "is not complete (no compare.json)" in data.notices[0]


def test_a_run_that_is_gone_is_named(tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "compared")
    shutil.rmtree(path / "runs" / "dpo" / "seed-1")
    (notice,) = read_report_data([path]).notices
    assert "seed-1 is missing" in notice


def test_a_comparison_stands_alone(tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "compared")
    run = write_sample_run(tmp_path / "run")
    with pytest.raises(RunError, match="reported on alone"):
        read_report_data([run, path])


def test_a_comparison_of_another_version_or_damaged_is_refused(tmp_path: Path) -> None:
    path = write_sample_comparison(tmp_path / "compared")
    file = path / "compare.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    for changed, part in (({"version": 9}, "version"), ({"baseline": None}, "baseline")):
        file.write_text(json.dumps({**table, **changed}), encoding="utf-8")
        with pytest.raises(RunError, match=part):
            read_report_data([path])
