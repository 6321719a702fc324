"""The charts of a report: what they are drawn from, and that Vega-Lite can draw them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import vl_convert

from report_sample import QUALITY, heldout_rows, step_rows, write_run, write_sample_comparison
from rlsr.comparison.result import Comparison
from rlsr.report.line_charts import STEPS
from rlsr.report.report_data import ReportData, ReportedRecipe, read_report_data
from rlsr.report.result_charts import difference_figures, phases_of, time_figure
from rlsr.report.run_charts import (
    Figure,
    distribution_figures,
    measured_figures,
    optimisation_figures,
    other_figures,
    part_figures,
    reward_figures,
)
from rlsr.report.run_series import Series, step_series
from rlsr.runs.json_file import write_json_lines


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """A comparison of five recipes with two seeds."""
    return read_report_data([write_sample_comparison(tmp_path_factory.mktemp("c") / "compared")])


def trained(data: ReportData) -> list[ReportedRecipe]:
    return [recipe for recipe in data.recipes if recipe.name != "base"]


def figures_of(data: ReportData) -> tuple[Series, list[Figure]]:
    recipes = trained(data)
    series, names = step_series(recipes), [recipe.name for recipe in recipes]
    makers = (
        reward_figures, part_figures, distribution_figures, optimisation_figures, other_figures
    )  # fmt: skip
    return series, [figure for make in makers for figure in make(series, names)]


def comparison(data: ReportData) -> Comparison:
    assert data.comparison is not None
    return data.comparison


def drawn(figure: Figure, series: Series | None = None) -> str:
    """The chart as an SVG; a chart that does not follow the grammar raises."""
    # A container has a width in a browser only.
    chart = {**figure.chart, "width": 500}
    if series is not None:
        rows = [dict(zip(series.columns, row, strict=True)) for row in series.rows]
        chart["datasets"] = {STEPS: rows}
    return vl_convert.vegalite_to_svg(chart)


def test_every_chart_can_be_drawn_and_has_lines(data: ReportData) -> None:
    series, figures = figures_of(data)
    assert len({figure.id for figure in figures}) == len(figures)
    for figure in figures:
        svg = drawn(figure, series)
        assert 'aria-roledescription="line mark"' in svg, figure.title
        assert "NaN" not in svg, figure.title
        assert set(figure.columns) <= set(series.columns)
        assert json.loads(json.dumps(figure.chart, allow_nan=False))


def test_there_is_a_chart_for_every_number_that_was_written(data: ReportData) -> None:
    titles = [figure.title for figure in figures_of(data)[1]]
    for title in (
        "Mean reward over steps", "Mean reward over wall-clock seconds", "Similarity", "Cosine", "Overlap", "Numbers",
        "Spread within a group", "Share penalised for repetition", "rlsr", "sft+rlsr", "Length of responses",
        "Share cut off", "KL divergence", "Entropy", "Loss of sft", "Loss of dpo", "Loss of rlsr",
    ):  # fmt: skip
        assert title in titles
    assert "mean" not in titles
    assert "p50" not in titles


def test_an_unknown_part_of_the_reward_is_drawn_under_its_own_name(tmp_path: Path) -> None:
    steps = [
        {**row, "reward/politeness_score": 0.5, "preference/margin": 1.0} for row in step_rows(3)
    ]
    figures = figures_of(read_report_data([write_run(tmp_path / "run", steps=steps)]))[1]
    titles = [figure.title for figure in figures]
    assert "politeness score" in titles
    assert "Preference margin" in titles
    assert "Loss" in titles, "with one method its name says nothing"


def test_a_number_that_nobody_knows_is_drawn_whatever_its_name(tmp_path: Path) -> None:
    names = ("trl/clip_ratio/low_mean", "trl/a.b[0]", 'trl/it\'s \\ "odd"', "trl/a_b_0_")
    steps = [{**row, **dict.fromkeys(names, 0.5 * row["step"])} for row in step_rows(3)]
    report = read_report_data([write_run(tmp_path / "run", steps=steps)])
    series, figures = figures_of(report)
    others = other_figures(series, ["run"])
    assert [figure.title for figure in others] == [
        "a b 0 ", "a·b(0)", "clip ratio/low mean", "it`s / ”odd”",
    ]  # fmt: skip
    assert len({figure.id for figure in figures}) == len(figures)
    for figure in others:
        path = drawn(figure, series).split("mark-line")[1].split(' d="')[1].split('"')[0]
        assert path.count("L") == 2, f"{figure.title} has no line through its three points"


def test_what_is_measured_after_some_steps_alone_is_one_line(tmp_path: Path) -> None:
    steps = step_rows(6)
    for row in steps[1::2]:
        row["validation/nll"] = 2.0 / row["step"]
    path = write_run(
        tmp_path / "run", before=heldout_rows(0.3), after=heldout_rows(0.6), steps=steps
    )
    write_json_lines(path / "evaluation" / "step-000003.jsonl", heldout_rows(0.5, 4))
    data = read_report_data([path])
    series = step_series(data.recipes)
    figures = measured_figures(series, ["run"])
    assert {"validation-nll", "heldout-chrf", "heldout-independent_similarity"} <= {
        f.id for f in figures
    }
    others = [*optimisation_figures(series, ["run"]), *other_figures(series, ["run"])]
    assert not {figure.id for figure in figures} & {figure.id for figure in others}
    for figure in figures:
        svg = drawn(figure, series)
        # A path of one line alone goes on over the steps that have no number.
        lines = re.findall(r'aria-roledescription="line mark"[^>]* d="([^"]*)"', svg)
        assert [path.count("M") for path in lines] == [1], figure.id
        assert lines[0].count("L") == 2, figure.id


def test_a_supervised_run_has_no_charts_of_rewards(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=step_rows(3, method="sft"), method="sft")
    titles = [figure.title for figure in figures_of(read_report_data([path]))[1]]
    assert titles == ["Share cut off", "Loss", "Gradient norm"]


def test_all_bands_have_one_axis(data: ReportData) -> None:
    recipes = trained(data)
    series = step_series(recipes)
    figures = distribution_figures(series, [recipe.name for recipe in recipes])
    domains = [figure.chart["layer"][0]["encoding"]["y"]["scale"]["domain"] for figure in figures]
    assert len(figures) == 2
    assert domains[0] == domains[1] == [min(series.numbers("reward/p05")), max(series.numbers("reward/p95"))]  # fmt: skip


def test_only_charts_over_the_course_of_training_follow_the_choice(data: ReportData) -> None:
    for figure in figures_of(data)[1]:
        assert figure.follows_choice == (not figure.title.startswith("Mean reward"))
        assert figure.chart["encoding"]["x"]["field"] in {"step", "seconds"}


def test_colours_are_left_to_the_page(data: ReportData) -> None:
    series, figures = figures_of(data)
    for figure in (*figures, *difference_figures(comparison(data))):
        svg = drawn(figure, series if figure.columns else None)
        assert "var(--" in svg
        assert "#" not in "".join(
            part.split('"')[0] for part in svg.split('stroke="')[1:] if "url(" not in part
        )


def test_differences_have_their_intervals_and_what_no_reward_has_comes_first(
    data: ReportData,
) -> None:
    figures = difference_figures(comparison(data))
    assert figures[0].title == "similarity by an independent encoder"
    assert figures[0].caption == "Right is better."
    rows = figures[0].chart["data"]["values"]
    assert [row["recipe"] for row in rows] == ["sft", "dpo", "rlsr", "sft+rlsr"]
    for row in rows:
        assert row["low"] <= row["mean"] <= row["high"]
        assert row["tone"] == {"higher": "better", "lower": "worse"}.get(row["verdict"], row["verdict"])  # fmt: skip
    for name in QUALITY:
        assert (f">{name}</text>" in drawn(figures[0])) == (name != "base")
    lengths = next(figure for figure in figures if figure.title.startswith("length"))
    assert {row["tone"] for row in lengths.chart["data"]["values"]} == {"not read"}


def test_one_difference_is_left_to_the_table(data: ReportData) -> None:
    found = comparison(data)
    assert difference_figures(replace(found, recipes=found.recipes[:2])) == []


def test_the_time_of_all_phases_is_the_time_of_the_steps(data: ReportData) -> None:
    figure = time_figure(trained(data))
    assert figure is not None
    drawn(figure)
    rows = figure.chart["data"]["values"]
    for recipe in trained(data):
        own = sum(row["seconds"] for row in rows if row["recipe"] == recipe.name)
        steps = [
            row["time/step"]
            for run in recipe.runs.values()
            for stage in run.stages
            for row in stage.steps
        ]
        assert own == pytest.approx(sum(steps) / len(recipe.runs))
    assert list(phases_of(trained(data))) == ["generate", "reward", "reference", "update", "other"]


def test_without_times_there_is_no_chart_of_them(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", after=heldout_rows(0.5, 2), steps=[{"step": 1}])
    assert time_figure(read_report_data([path]).recipes) is None
