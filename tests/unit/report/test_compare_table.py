"""The table of a report, and the sentences above it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from report_sample import (
    heldout_rows,
    step_rows,
    write_run,
    write_sample_comparison,
    write_sample_run,
)
from rlsr.evaluation.comparison import WinShares
from rlsr.evaluation.metrics import SharedMetric
from rlsr.evaluation.statistics import Estimate
from rlsr.report.compare_table import Cell, TableRow, duration, report_table
from rlsr.report.report_data import BEFORE, read_report_data
from rlsr.report.results import Column, Results, Score, results_of
from rlsr.report.run_comparison import compare_policies

NAN = float("nan")
CHRF = SharedMetric("chrf", False, "higher")
CUT = SharedMetric("cut", False, "lower")
LENGTH = SharedMetric("length_ratio", False, "near_one")
REWARD = SharedMetric("reward", True, "higher")


def score(verdict: str, mean: float = 0.5, difference: float = 0.25, half: float = 0.125) -> Score:
    ends = Estimate(difference, difference - half, difference + half, 9)
    return Score(Estimate(mean, mean - 0.25, mean + 0.25, 9), ends, verdict)


def results(metrics: dict[SharedMetric, str], **changes: object) -> Results:
    start = {m.name: Score(Estimate(0.25, 0.0, 0.5, 9), None, "baseline") for m in metrics}
    own = {metric.name: score(verdict) for metric, verdict in metrics.items()}
    columns = (Column("base", "not trained", start, None), Column("mine", "", own, "base"))
    made = Results("base", 9, tuple(metrics), columns, 0.95, 0.9875)
    return replace(made, **changes)  # type: ignore[arg-type]


def row_of(table: Results, name: str) -> TableRow:
    return next(
        row for group in report_table(table).groups for row in group.rows if row.label == name
    )


def test_a_field_has_mean_difference_interval_and_verdict() -> None:
    base, mine = row_of(results({CHRF: "higher"}), "chrF").cells
    assert base == Cell("0.2", "[0.0, 0.5]", verdict="baseline")
    assert mine == Cell("0.5", "[+0.1, +0.4]", "+0.2", "higher", "good")


@pytest.mark.parametrize(
    ("metric", "verdict", "tone"),
    [
        (CHRF, "higher", "good"),
        (CHRF, "lower", "bad"),
        (CUT, "lower", "good"),
        (CUT, "higher", "bad"),
        (LENGTH, "higher", ""),
        (CHRF, "no difference shown", "even"),
        (CHRF, "", ""),
    ],
)
def test_the_colour_says_whether_a_difference_is_good(
    metric: SharedMetric, verdict: str, tone: str
) -> None:
    (group,) = report_table(results({metric: verdict})).groups
    assert group.rows[0].cells[1].tone == tone


def test_a_minus_is_a_minus_and_a_missing_number_a_dash() -> None:
    falling = replace(score("lower", difference=-0.25), mean=Estimate(-0.5, NAN, NAN, 1))
    unscored = replace(falling, mean=Estimate(NAN, NAN, NAN, 0))
    unknown = Score(Estimate(0.5, NAN, NAN, 1), Estimate(0.25, NAN, NAN, 1), "")
    columns = (Column("a", "", {"cut": falling}, "base"), Column("b", "", {"cut": unknown}, "base"), Column("c", "", {}, "base"), Column("d", "", {"cut": unscored}, "base"))  # fmt: skip
    cells = row_of(results({CUT: ""}, columns=columns), "share cut at the maximum length").cells
    assert cells[0].value == "\N{MINUS SIGN}0.500"
    assert cells[3].value == "\N{EN DASH}"
    assert cells[0].difference == "\N{MINUS SIGN}0.250"
    assert cells[1] == Cell("0.500", "", "+0.250")
    assert cells[2] == Cell("\N{EN DASH}")


def test_what_is_in_the_reward_stands_apart_and_last() -> None:
    titles = [
        group.title for group in report_table(results({REWARD: "higher", CHRF: "lower"})).groups
    ]
    assert titles == [
        "Held-out prompts, by measures that are not in the reward",
        "Held-out prompts, by what is in the reward",
    ]


@pytest.mark.parametrize(
    ("metrics", "independent", "in_reward"),
    [
        ({CHRF: "higher", CUT: "lower", LENGTH: "no difference shown", REWARD: "higher"},
         "is higher than base on chrF and lower on cut answers; no difference shown on relative length", "is higher than base on reward"),
        ({CHRF: "lower", CUT: "lower"}, "is lower than base on chrF and cut answers", ""),
        ({CHRF: "no difference shown", CUT: "no difference shown", LENGTH: "no difference shown"},
         "shows no difference from base on chrF, cut answers and relative length", ""),
        ({CHRF: ""}, "", ""),
    ],
)  # fmt: skip
def test_the_finding_is_a_sentence(
    metrics: dict[SharedMetric, str], independent: str, in_reward: str
) -> None:
    (finding,) = report_table(results(metrics)).findings
    assert (finding.name, finding.independent, finding.in_reward) == (
        "mine",
        independent,
        in_reward,
    )


def test_wins_and_costs_have_lines_of_their_own() -> None:
    base, mine = results({CHRF: "higher"}).columns
    mine = replace(
        mine,
        wins={"chrf": WinShares(0.5, 0.2, 0.3, 1.0)},
        seconds=121.4,
        tokens=51_234.4,
        num_steps=30.5,
        peak_memory_gb=4.216,
    )
    table = report_table(results({CHRF: "higher"}, columns=(base, mine)))
    _, wins, costs = table.groups
    assert wins.title == "Prompt by prompt against base"
    assert wins.rows[0].remark == "won / tied / lost; a tie is within 1"
    assert wins.rows[0].cells[1] == Cell("50 / 20 / 30 %", shares=(0.5, 0.2, 0.3))
    assert [row.cells[1].value for row in costs.rows] == ["2 min 1 s", "51,234", "30.5", "4.22 GB"]
    assert {row.cells[0].value for row in costs.rows} == {"\N{EN DASH}"}


def test_the_caption_names_the_level_and_what_it_is_adjusted_for() -> None:
    text = report_table(results({CHRF: "higher"}, num_comparisons=4, seeds=(0, 1))).caption
    assert "9 held-out prompts and 2 seeds" in text
    assert "98.75 % interval" in text
    assert "all 4 comparisons of a metric hold together at 95 %" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.4, "59 min 59 s"), (3600, "1 h 0 min"), (7530, "2 h 6 min")],
)  # fmt: skip
def test_times_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_comparison_is_taken_over_number_by_number(tmp_path: Path) -> None:
    data = read_report_data([write_sample_comparison(tmp_path / "compared")])
    assert data.comparison is not None
    table = report_table(results_of(data.comparison))
    assert table.columns == ("base", "sft", "dpo", "rlsr", "sft+rlsr")
    assert table.remarks == ("not trained", "", "", "", "sft then rlsr")
    assert [finding.name for finding in table.findings] == ["sft", "dpo", "rlsr", "sft+rlsr"]
    told = data.comparison.recipe("rlsr").metrics["bleu"]
    cell = next(row for row in table.groups[0].rows if row.label == "BLEU").cells[3]
    assert told.difference is not None
    assert cell.value == f"{told.mean.mean:.1f}"
    assert cell.difference == f"{told.difference.mean:+.1f}"


def test_a_run_repeats_the_intervals_that_it_wrote_down(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run")
    data = read_report_data([path])
    found = compare_policies(data.policies)
    assert found is not None
    assert data.recipes[0].runs[0].stages[0].manifest is not None
    changes = {c["name"]: c["difference"] for c in data.recipes[0].runs[0].stages[0].manifest["heldout"]}  # fmt: skip
    for name, told in found.columns[1].scores.items():
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
    difference = found.columns[1].scores["bleu"].difference
    assert difference is not None
    expected = sum(
        b["scores"]["bleu"] - a["scores"]["bleu"] for a, b in zip(before, after, strict=True)
    )
    assert difference.mean == pytest.approx(expected / len(before))
    assert difference.low < difference.mean < difference.high
    assert found.columns[1].num_steps == 3


def test_prompts_that_only_one_side_has_take_no_part_in_a_difference(tmp_path: Path) -> None:
    before, after = heldout_rows(0.35, 6), heldout_rows(0.35, 3)
    path = write_run(tmp_path / "run", before=before, after=after, complete=False)
    found = compare_policies(read_report_data([path]).policies)
    assert found is not None
    difference = found.columns[1].scores["bleu"].difference
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
    assert found.columns[1].remark == "novel"
    assert not math.isnan(found.columns[1].scores["chrf"].mean.mean)


def test_without_answers_there_is_no_table() -> None:
    assert compare_policies(()) is None
