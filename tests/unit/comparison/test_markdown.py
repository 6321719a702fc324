"""A comparison as Markdown."""

from dataclasses import replace
from pathlib import Path

import pytest

from report_sample import write_sample_comparison
from rlsr.comparison.markdown import comparison_markdown, write_comparison_markdown
from rlsr.comparison.result import Comparison, read_comparison


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    path = tmp_path / "cmp"
    write_sample_comparison(path)
    return read_comparison(path / "compare.json")


def test_every_recipe_has_a_column_and_every_metric_a_row(comparison: Comparison) -> None:
    lines = comparison_markdown(comparison).splitlines()
    names = " | ".join(recipe.name for recipe in comparison.recipes)
    heads = [line for line in lines if line.endswith(f"| {names} |")]
    assert len(heads) >= 3, "metrics outside and inside of the reward, wins, cost"
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in tables} == {len(comparison.recipes) + 2}
    assert sum(line.startswith("| BLEU (primary, higher is better) |") for line in tables) == 1


def test_numbers_are_those_of_the_comparison(comparison: Comparison) -> None:
    text = comparison_markdown(comparison)
    trained = comparison.recipes[-1]
    difference = trained.metrics["bleu"].difference
    assert difference is not None
    row = next(line for line in text.splitlines() if line.startswith("| BLEU"))
    cell = row.split(" | ")[-1]
    assert f"{trained.metrics['bleu'].mean.mean:.1f} {difference.mean:+.1f} [" in cell.replace(
        "\N{MINUS SIGN}", "-"
    )
    assert str(trained.metrics["bleu"].verdict) in cell
    assert f"{comparison.num_prompts} held-out prompts" in text
    assert all(note in text for note in comparison.notes)


def test_names_cannot_break_the_table(comparison: Comparison) -> None:
    first = replace(comparison.recipes[-1], name="a|b")
    text = comparison_markdown(replace(comparison, recipes=(*comparison.recipes[:-1], first)))
    assert "a\\|b |" in text


def test_the_file_has_the_text(comparison: Comparison, tmp_path: Path) -> None:
    file = write_comparison_markdown(tmp_path / "compare.md", comparison)
    assert file.read_text(encoding="utf-8") == comparison_markdown(comparison)
