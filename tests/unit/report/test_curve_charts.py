"""The charts of a comparison over time, and their place on the page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import vl_convert

from curve_sample import comparison_with_curves
from rlsr.comparison.result import Comparison, write_comparison
from rlsr.report.curve_charts import curve_figures, curve_order
from rlsr.report.report_data import read_report_data
from rlsr.report.report_page import report_page
from rlsr.report.run_charts import Figure

TRAINED = ["sft", "dpo", "rlsr", "sft+rlsr"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curves") / "cmp"


@pytest.fixture(scope="module")
def comparison(path: Path) -> Comparison:
    return comparison_with_curves(path)


@pytest.fixture(scope="module")
def figures(comparison: Comparison) -> list[Figure]:
    return curve_figures(comparison, TRAINED)


def drawn(figure: Figure) -> str:
    return vl_convert.vegalite_to_svg({**figure.chart, "width": 500})


def test_every_metric_that_no_reward_has_is_drawn_with_bands_and_lines(
    figures: list[Figure], comparison: Comparison
) -> None:
    unseen = [metric for metric in comparison.metrics if not metric.in_reward]
    assert len(figures) == len(unseen)
    assert figures[0].title == "similarity by an independent encoder"
    assert figures[0].caption == "Higher is better."
    assert len({figure.id for figure in figures}) == len(figures)
    for figure in figures:
        svg = drawn(figure)
        assert svg.count('aria-roledescription="line mark"') >= 5
        assert 'aria-roledescription="area mark"' in svg
        assert "NaN" not in svg
        assert "var(--recipe-0)" in svg
        assert json.loads(json.dumps(figure.chart, allow_nan=False))


def test_points_are_those_of_the_curves_and_the_untrained_policy_is_a_line(
    figures: list[Figure], comparison: Comparison
) -> None:
    assert comparison.curves is not None
    rows = figures[0].chart["data"]["values"]
    for curve in comparison.curves.recipes:
        own = [(row["seconds"], row["mean"]) for row in rows if row["recipe"] == curve.recipe]
        points = curve.at_times if curve.recipe == "base" else curve.points
        assert own == [(p.seconds, p.metrics["independent_similarity"].mean) for p in points]


def crossings(figure: Figure) -> list[dict[str, Any]]:
    found = [layer["data"]["values"] for layer in figure.chart["layer"] if "data" in layer]
    assert all(values == found[0] for values in found)
    return list(found[0]) if found else []


def test_crossings_are_marked_where_they_are(figures: list[Figure], comparison: Comparison) -> None:
    assert comparison.curves is not None
    told = {
        race.recipe: race.crossings["independent_similarity"]
        for race in comparison.curves.races_with_rival()
    }
    marked = {row["recipe"]: row for row in crossings(figures[0])}
    assert set(marked) == {name for name, crossed in told.items() if crossed.seconds}
    assert set(marked) == {"rlsr", "sft+rlsr"}
    for name, row in marked.items():
        assert row["seconds"] == told[name].seconds
        assert row["low"] <= row["seconds"] <= row["high"]
        assert row["ahead"].startswith("ahead of sft after")


def test_without_a_crossing_nothing_is_marked(comparison: Comparison) -> None:
    assert comparison.curves is not None
    alone = replace(comparison, curves=replace(comparison.curves, races=()))
    for figure in curve_figures(alone, TRAINED):
        assert crossings(figure) == []
        drawn(figure)


def test_a_recipe_has_the_colour_that_it_has_elsewhere(comparison: Comparison) -> None:
    assert comparison.curves is not None
    assert curve_order(comparison.curves, TRAINED) == [*TRAINED, "base"]


def test_the_page_has_the_charts_the_sentences_and_a_legend(
    comparison: Comparison, path: Path
) -> None:
    write_comparison(path / "compare.json", comparison)
    page = report_page(read_report_data([path]))
    start, end = page.index('<section id="curves">'), page.index('<section id="training">')
    section = page[start:end]
    assert "rlsr ahead of sft: independent similarity after" in section
    assert "A plain SFT step of 8 prompts" in section
    assert section.count("<figure>") == len(curve_figures(comparison, TRAINED))
    assert "<bdi>base</bdi>" in section
    assert '"id": "curve-0"' in page


def test_a_page_without_curves_has_no_such_section(comparison: Comparison, path: Path) -> None:
    write_comparison(path / "compare.json", replace(comparison, curves=None))
    assert 'id="curves"' not in report_page(read_report_data([path]))
