"""Policies of plain runs, side by side."""

import json
import math
from pathlib import Path

import pytest

from report_sample import heldout_rows, step_rows, write_run, write_sample_run
from rlsr.comparison.policies import compare_policies
from rlsr.comparison.words import findings, how_it_was_compared, training_in_words
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


def test_the_readings_of_a_page_hold_together(tmp_path: Path) -> None:
    paths = [
        write_sample_run(tmp_path / name, seed=seed) for seed, name in enumerate(("one", "two"))
    ]
    both = compare_policies(read_report_data(paths).policies)
    alone = compare_policies(read_report_data(paths[:1]).policies)
    assert both is not None
    assert alone is not None
    assert alone.primary == both.primary == ("independent_similarity", "bleu", "chrf")
    assert (alone.num_comparisons, both.num_comparisons) == (3, 6)
    assert both.adjusted_confidence == pytest.approx(1 - 0.05 / 6)
    wide, narrow = (found.recipes[-1].metrics["bleu"].difference for found in (both, alone))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > narrow.high - narrow.low
    for recipe in both.recipes[1:]:
        read = {name for name, metric in recipe.metrics.items() if metric.verdict is not None}
        assert read <= {*both.primary}


def test_an_interval_of_another_level_is_made_anew(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run")
    file = path / "manifest.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    for change in table["heldout"]:  # as older versions wrote it
        del change["confidence"], change["is_primary"]
        change["difference"] |= {"low": 0.5, "high": 0.5}
    file.write_text(json.dumps(table), encoding="utf-8")
    found = compare_policies(read_report_data([path]).policies)
    assert found is not None
    difference = found.recipes[1].metrics["bleu"].difference
    assert difference is not None
    assert difference.low < difference.mean < difference.high


def test_a_run_on_two_prompts_has_numbers_and_no_finding(tmp_path: Path) -> None:
    found = compare_policies(read_report_data([write_sample_run(tmp_path / "run", 2)]).policies)
    assert found is not None
    assert findings(found) == ()
    assert "too few" in how_it_was_compared(found)
    for metric in found.recipes[1].metrics.values():
        assert metric.verdict is None
        assert metric.difference is not None
        assert math.isnan(metric.difference.low)


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
