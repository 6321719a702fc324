"""Policies of plain runs, side by side."""

import math
from pathlib import Path

import pytest

from report_sample import heldout_rows, step_rows, write_run, write_sample_run
from rlsr.comparison.policies import compare_policies
from rlsr.comparison.words import training_in_words
from rlsr.report.report_data import BEFORE, read_report_data
from rlsr.statistics import Estimate


def test_a_run_repeats_the_intervals_that_it_wrote_down(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run")
    data = read_report_data([path])
    found = compare_policies(data.policies)
    assert found is not None
    assert data.recipes[0].runs[0].stages[0].manifest is not None
    changes = {c["name"]: c["difference"] for c in data.recipes[0].runs[0].stages[0].manifest["heldout"]}  # fmt: skip
    for name, told in found.recipes[1].metrics.items():
        assert told.difference == Estimate(**changes[name])
    assert found.baseline == BEFORE
    assert {metric.name for metric in found.metrics if metric.in_reward} == {"reward", "similarity", "chrf", "repetition"}  # fmt: skip


def test_an_unfinished_run_is_compared_from_its_answers(tmp_path: Path) -> None:
    before, after = heldout_rows(0.35), heldout_rows(0.7)
    path = write_run(
        tmp_path / "run", before=before, after=after, steps=step_rows(3), complete=False
    )
    found = compare_policies(read_report_data([path]).policies)
    assert found is not None
    difference = found.recipes[1].metrics["bleu"].difference
    assert difference is not None
    expected = sum(
        b["scores"]["bleu"] - a["scores"]["bleu"] for a, b in zip(before, after, strict=True)
    )
    assert difference.mean == pytest.approx(expected / len(before))
    assert difference.low < difference.mean < difference.high
    assert found.recipes[1].num_steps == 3


def test_prompts_that_only_one_side_has_take_no_part_in_a_difference(tmp_path: Path) -> None:
    before, after = heldout_rows(0.35, 6), heldout_rows(0.35, 3)
    path = write_run(tmp_path / "run", before=before, after=after, complete=False)
    found = compare_policies(read_report_data([path]).policies)
    assert found is not None
    difference = found.recipes[1].metrics["bleu"].difference
    assert difference is not None
    assert (difference.mean, difference.num) == (0.0, 3)


def test_runs_that_are_scored_in_other_ways_say_so(tmp_path: Path) -> None:
    paths = [write_sample_run(tmp_path / name) for name in ("one", "two")]
    text = (paths[1] / "config.json").read_text(encoding="utf-8")
    (paths[1] / "config.json").write_text(text.replace('"blend"', '"cosine"'), encoding="utf-8")
    found = compare_policies(read_report_data(paths).policies)
    assert found is not None
    (note,) = found.notes
    assert "scored in different ways: the reward, without its rules" in note


def test_a_config_of_another_version_costs_no_table(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run")
    (path / "config.json").write_text(
        '{"method": {"type": "novel"}, "future": 1}', encoding="utf-8"
    )
    found = compare_policies(read_report_data([path]).policies)
    assert found is not None
    assert training_in_words(found.recipes[1]) == "novel"
    assert not math.isnan(found.recipes[1].metrics["chrf"].mean.mean)


def test_without_answers_there_is_no_table() -> None:
    assert compare_policies(()) is None
