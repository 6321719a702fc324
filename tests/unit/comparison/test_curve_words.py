"""The words and lines of a table about curves."""

from dataclasses import replace
from pathlib import Path

import pytest

from curve_sample import comparison_with_curves
from rlsr.cli.comparison_table import curve_table
from rlsr.comparison.curve import ALONG, CurvePoint, Curves
from rlsr.comparison.curve_table import curve_groups
from rlsr.comparison.curve_words import (
    crossing_in_words,
    crossings_in_words,
    how_curves_were_made,
    shown_curves,
)
from rlsr.comparison.markdown import comparison_markdown
from rlsr.comparison.result import Comparison, read_comparison, write_comparison
from rlsr.statistics.crossing import Crossing

NAN = float("nan")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return comparison_with_curves(tmp_path_factory.mktemp("curves") / "cmp")


@pytest.mark.parametrize(
    ("crossing", "words"),
    [
        (Crossing(310.2, 240.0, 519.6, 720, 1.0), "after 310 s [240, 520]"),
        (Crossing(310.2, 240.0, None, 720.4, 0.9), "after 310 s [240, later than 720]"),
        (Crossing(None, None, None, 720, 0.0), "not within 720 s"),
        (Crossing(None, None, None, 720, 0.004), "not within 720 s"),
        (
            Crossing(None, 500.0, None, 720, 0.301),
            "not within 720 s (in 30% of the resamples it is)",
        ),
        (Crossing(None, None, None, 720, NAN), "not within 720 s"),
        (Crossing(0.0, 0.0, 0.0, 720, 1.0), "from the beginning"),
        (Crossing(0.0, 0.0, 88.8, 720, 1.0), "from the beginning [0, 88.8]"),
        (Crossing(12.34, None, None, 720, NAN), "after 12.3 s (no interval)"),
        (Crossing(1234.0, 1000.0, 2345.0, 7200, 1), "after 1,234 s [1,000, 2,345]"),
    ],
    ids=str,
)
def test_a_crossing_is_said_with_its_interval(crossing: Crossing, words: str) -> None:
    assert crossing_in_words(crossing) == words


def test_every_recipe_but_the_rival_has_a_sentence_by_unseen_metrics(
    comparison: Comparison,
) -> None:
    lines = crossings_in_words(comparison)
    assert [line.split(" ahead of ")[0] for line in lines] == ["dpo", "rlsr", "sft+rlsr"]
    assert all(line.split(" ahead of ")[1].startswith("sft: independent") for line in lines)
    assert "independent similarity after" in lines[1]
    assert "not within 240 s" in lines[0]
    assert "reward" not in "".join(lines)


def test_rows_are_times_and_columns_recipes(comparison: Comparison) -> None:
    groups = curve_groups(comparison)
    assert groups[0].title == "Over time: similarity by an independent encoder"
    assert [row.label for row in groups[0].rows] == ["0 s", "60 s", "120 s", "240 s"]
    assert comparison.curves is not None
    for place, curve in enumerate(comparison.curves.recipes):
        for row, point in zip(groups[0].rows, curve.at_times, strict=True):
            found = point.metrics["independent_similarity"]
            assert row.cells[place].value == f"{found.mean:.3f}"
            assert row.cells[place].interval == f"[{found.low:.3f}, {found.high:.3f}]"
    spent = groups[-1]
    assert [row.label for row in spent.rows] == ["60 s", "120 s", "240 s"]
    assert spent.rows[0].cells[0].value == "\N{EN DASH}"
    assert spent.rows[0].cells[1].value == "10 steps"
    assert spent.rows[0].cells[1].interval == "100 tokens"


def test_the_text_has_the_sentences_the_table_and_the_time_of_a_plain_step(
    comparison: Comparison,
) -> None:
    text = comparison_markdown(comparison)
    assert "- sft+rlsr ahead of sft: independent similarity after" in text
    assert "| Over time: similarity by an independent encoder | base | sft |" in text
    assert "A plain SFT step of 8 prompts took 3.12 s on this machine" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {len(comparison.recipes) + 2}


def test_of_beginning_and_end_alone_nothing_is_said_that_the_table_does_not(
    comparison: Comparison,
) -> None:
    assert comparison.curves is not None
    ends = tuple(
        replace(curve, points=tuple(point for point in curve.points if point.what != ALONG))
        for curve in comparison.curves.recipes
    )
    for curves in (None, replace(comparison.curves, recipes=ends)):
        short = replace(comparison, curves=curves)
        assert shown_curves(short) is None
        assert crossings_in_words(short) == []
        assert curve_groups(short) == ()
        assert curve_table(short) is None
        assert "Over time" not in comparison_markdown(short)


def test_one_prompt_a_step_is_no_plural_and_without_sft_there_is_no_step(
    comparison: Comparison,
) -> None:
    curves = comparison.curves
    assert curves is not None
    assert curves.sft_step is not None
    one = replace(curves, sft_step=replace(curves.sft_step, prompts=1))
    assert "of 1 prompt took" in how_curves_were_made(one)
    assert "plain SFT" not in how_curves_were_made(replace(curves, sft_step=None))


def test_curves_are_kept_in_the_file(comparison: Comparison, tmp_path: Path) -> None:
    write_comparison(tmp_path / "compare.json", comparison)
    assert read_comparison(tmp_path / "compare.json").curves == comparison.curves


def test_what_is_unscored_is_a_dash(comparison: Comparison) -> None:
    curves = comparison.curves
    assert curves is not None

    def without(point: CurvePoint) -> CurvePoint:
        nothing = replace(point.metrics["bleu"], mean=NAN, low=NAN, high=NAN, num=0)
        return replace(point, metrics={**point.metrics, "bleu": nothing}, tokens=None)

    changed: Curves = replace(
        curves,
        recipes=tuple(
            replace(curve, at_times=tuple(map(without, curve.at_times))) for curve in curves.recipes
        ),
    )
    groups = curve_groups(replace(comparison, curves=changed))
    bleu = next(group for group in groups if group.title.endswith("BLEU"))
    assert {(cell.value, cell.interval) for row in bleu.rows for cell in row.cells} == {
        ("\N{EN DASH}", "")
    }
    assert groups[-1].rows[0].cells[1].interval == ""
