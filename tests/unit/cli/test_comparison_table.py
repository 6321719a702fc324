"""The terminal's view of a comparison."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from comparisons import finish, make_plan, recipe_of
from rlsr.cli.comparison_table import comparison_table, sentences
from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.result import Comparison
from rlsr.comparison.run import run_comparison
from rlsr.evaluation.metrics import SharedMetric, primary_metrics
from rlsr.statistics.in_words import too_few


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    def execute(cell: Cell, say: Say) -> int:
        finish(cell)
        return 0

    path: Path = tmp_path_factory.mktemp("comparison")
    return run_comparison(make_plan(), path, lambda line: None, execute=execute)


def show(comparison: Comparison, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(comparison_table(comparison))
    return capture.get()


def test_the_table_has_a_row_a_recipe_and_names_what_it_is_about(comparison: Comparison) -> None:
    text = show(comparison)
    for part in (
        "40 held-out prompts",
        "2 seeds",
        "after 10 steps",
        "95% intervals",
        "chrF",
        "BLEU",
    ):
        assert part in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    base, sft = rows["base"], rows["sft"]
    mean = recipe_of(comparison, "sft").metrics["chrf"].mean
    assert f"{mean.mean:.1f} [{mean.low:.1f}, {mean.high:.1f}]" in sft
    assert sft.split()[-3:] == ["10", "20", "2.0"]
    assert base.split()[-3:] == ["-", "-", "-"]
    assert all(len(line) <= 120 for line in text.splitlines())


def test_what_the_reward_has_is_marked_and_comes_last(comparison: Comparison) -> None:
    assert [metric.name for metric in primary_metrics(comparison.metrics)] == [
        "chrf",
        "bleu",
        "reward",
    ]
    assert "the reward has it" in show(comparison)
    unseen = tuple(metric for metric in comparison.metrics if not metric.in_reward)
    assert "the reward has it" not in show(replace(comparison, metrics=unseen))


def test_an_independent_encoder_is_shown_first() -> None:
    metrics = [
        SharedMetric(name, in_reward, "higher")
        for name, in_reward in [("reward", True), ("chrf", True), ("bleu", False), ("independent_similarity", False), ("cut", False)]
    ]  # fmt: skip
    names = [metric.name for metric in primary_metrics(metrics)]
    assert names == ["independent_similarity", "bleu", "chrf"]


def test_a_sentence_a_recipe_says_what_its_differences_show(comparison: Comparison) -> None:
    head, *lines = sentences(comparison)
    assert head == (
        "against base, paired by prompt, 99.44% intervals, so that the 9 readings hold together at 95%:"
    )
    assert [line.split(":")[0] for line in lines] == ["- sft", "- rlsr", "- sft+rlsr"]
    assert lines[0].startswith("- sft: chrF higher (+20.0 [")
    assert "no difference shown" in lines[1]
    assert lines[2].startswith("- sft+rlsr: chrF lower (-10.0 [")
    assert lines[0].endswith("wins 100%, ties 0%, loses 0% (chrF)")


def test_a_single_comparison_needs_no_correction(comparison: Comparison) -> None:
    alone = replace(
        comparison,
        recipes=comparison.recipes[:2],
        num_comparisons=1,
        adjusted_confidence=comparison.confidence,
    )
    assert sentences(alone)[0] == "against base, paired by prompt, 95% intervals:"


def test_of_too_few_prompts_there_are_numbers_and_no_reading(comparison: Comparison) -> None:
    few = replace(comparison, num_prompts=2)
    assert sentences(few)[0] == f"against base, paired by prompt; {too_few(2, 'prompts')}:"
    assert "intervals" not in show(few)
