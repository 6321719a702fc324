"""The table of a comparison."""

from dataclasses import replace
from pathlib import Path

from comparisons import compared, found_in, make_comparison, recipe_of
from report_sample import write_sample_comparison
from rlsr.comparison.result import ComparedRun, Comparison, read_comparison
from rlsr.comparison.table import TableCell, TableRow, table_of
from rlsr.evaluation.metrics import SharedMetric
from rlsr.statistics import Estimate
from rlsr.statistics.against_baseline import MetricComparison
from rlsr.statistics.wins import WinShares

NAN = float("nan")
CHRF = SharedMetric("chrf", False, "higher")
CUT = SharedMetric("cut", False, "lower")
REWARD = SharedMetric("reward", True, "higher")


def row_of(comparison: Comparison, name: str) -> TableRow:
    return next(
        row for group in table_of(comparison).groups for row in group.rows if row.label == name
    )


def test_a_field_has_mean_difference_interval_and_verdict() -> None:
    base, mine = row_of(make_comparison({CHRF: "higher"}), "chrF").cells
    assert base == TableCell("0.2", "[0.0, 0.5]", verdict="baseline")
    assert mine == TableCell("0.5", "[+0.1, +0.4]", "+0.2", "higher", "good")


def test_a_minus_is_a_minus_and_a_missing_number_a_dash() -> None:
    falling = replace(found_in("lower", difference=-0.25), mean=Estimate(-0.5, NAN, NAN, 1))
    unscored = replace(falling, mean=Estimate(NAN, NAN, NAN, 0))
    unknown = MetricComparison(Estimate(0.5, NAN, NAN, 1), Estimate(0.25, NAN, NAN, 1), None)
    recipes = tuple(
        compared(name, {"cut": found} if found else {})
        for name, found in (("a", falling), ("b", unknown), ("c", None), ("d", unscored))
    )
    cells = row_of(
        make_comparison({CUT: None}, recipes=recipes), "share cut at the maximum length"
    ).cells
    assert cells[0].value == "\N{MINUS SIGN}0.500"
    assert cells[3].value == "\N{EN DASH}"
    assert cells[0].difference == "\N{MINUS SIGN}0.250"
    assert cells[1] == TableCell("0.500", "", "+0.250")
    assert cells[2] == TableCell("\N{EN DASH}")


def test_what_is_in_the_reward_stands_apart_and_last() -> None:
    titles = [
        group.title for group in table_of(make_comparison({REWARD: "higher", CHRF: "lower"})).groups
    ]
    assert titles == [
        "Held-out prompts, by measures that are not in the reward",
        "Held-out prompts, by what is in the reward",
    ]


def test_wins_and_costs_have_lines_of_their_own() -> None:
    base, mine = make_comparison({CHRF: "higher"}).recipes
    mine = replace(
        mine,
        wins={"chrf": WinShares(0.5, 0.2, 0.3, 1.0)},
        runs=(
            ComparedRun(0, "runs/mine/seed-0", 30, 121.0, 51_234, 4.216),
            ComparedRun(1, "runs/mine/seed-1", 31, 121.8, 51_234, 4.1),
        ),
    )
    table = table_of(make_comparison({CHRF: "higher"}, recipes=(base, mine)))
    _, wins, costs = table.groups
    assert wins.title == "Prompt by prompt against base"
    assert wins.rows[0].remark == "won / tied / lost; a tie is within 1"
    assert wins.rows[0].cells[1] == TableCell("50 / 20 / 30 %", shares=(0.5, 0.2, 0.3))
    assert [row.cells[1].value for row in costs.rows] == ["2 min 1 s", "51,234", "30.5", "4.22 GB"]
    assert {row.cells[0].value for row in costs.rows} == {"\N{EN DASH}"}


def test_every_recipe_has_a_column_with_its_numbers(tmp_path: Path) -> None:
    comparison = read_comparison(write_sample_comparison(tmp_path / "compared") / "compare.json")
    table = table_of(comparison)
    assert table.columns == ("base", "sft", "dpo", "rlsr", "sft+rlsr")
    assert table.remarks == ("not trained", "", "", "", "sft then rlsr")
    told = recipe_of(comparison, "rlsr").metrics["bleu"]
    cell = next(row for row in table.groups[0].rows if row.label == "BLEU").cells[3]
    assert told.difference is not None
    assert cell.value == f"{told.mean.mean:.1f}"
    assert cell.difference == f"{told.difference.mean:+.1f}"
