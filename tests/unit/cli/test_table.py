"""The table of held-out metrics on the terminal."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from rlsr.cli.table import change_table, means_table
from rlsr.config.training import EvaluationConfig
from rlsr.evaluation import MetricChange, MetricMean
from rlsr.evaluation.change import metric_changes
from rlsr.evaluation.kept import KeptSuite
from rlsr.evaluation.metrics import BUILT_IN, describe
from rlsr.pipeline.evaluate import SuiteSummary
from rlsr.statistics import Estimate
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import too_few

NAN = float("nan")


def change(name: str, before: float, after: float, difference: Estimate) -> MetricChange:
    return MetricChange(
        name, Estimate(before, 0.0, 1.0, 64), Estimate(after, 0.0, 1.0, 64), difference,
        is_primary=name in {"chrf", "bleu"}, confidence=0.975,
    )  # fmt: skip


def lines_of(changes: list[MetricChange], confidence: float = 0.95) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=140).print(
        change_table(changes, EvaluationConfig(confidence=confidence))
    )
    return [" ".join(line.split()) for line in text.getvalue().splitlines()]


def test_a_line_a_metric_with_its_paired_difference() -> None:
    lines = lines_of(
        [
            change("similarity", 0.5, 0.61234, Estimate(0.11234, 0.09, 0.1351, 64)),
            change("chrf", 21.34, 20.0, Estimate(-1.34, -3.0, 0.26, 64)),
            change("bleu", 9.96, 12.0, Estimate(2.04, 1.0, 3.0, 64)),
            change("cut", 0.25, 0.0, Estimate(-0.25, -0.3, -0.2, 64)),
        ]
    )
    assert lines[0] == "64 held-out prompts, greedy responses, 97.5% intervals"
    text = "\n".join(lines)
    assert "metric before after paired difference reading" in text
    assert "by the reward's encoder 0.500 0.612 +0.112 [+0.090, +0.135]" in text
    assert "BLEU 10.0 12.0 +2.0 [+1.0, +3.0] up" in lines
    assert "chrF 21.3 20.0 -1.3 [-3.0, +0.3] no difference shown" in lines
    assert "share cut at the maximum length 0.250 0.000 -0.250 [-0.300, -0.200]" in lines, (
        "not read"
    )
    assert (
        "readings are of the primary metrics (chrF, BLEU); at 97.5% each they hold together at 95%; other differences have an "
        "interval and no reading" in " ".join(lines)
    )


def test_every_metric_of_the_evaluation_has_words_and_another_speaks_by_its_name() -> None:
    nothing = Estimate(0.0, 0.0, 0.0, 1)
    names = [*BUILT_IN, "my_metric"]
    text = "\n".join(lines_of([change(name, 0.0, 0.0, nothing) for name in names]))
    for label in (*(metric.label for metric in BUILT_IN.values()), "my metric"):
        assert f"{label} 0.0" in text
    assert describe("my_metric").label == "my metric"


def test_a_metric_that_the_reward_has_says_so() -> None:
    nothing = Estimate(0.0, 0.0, 0.0, 1)
    chrf, bleu = change("chrf", 0.0, 0.0, nothing), change("bleu", 0.0, 0.0, nothing)
    text = "\n".join(lines_of([replace(chrf, in_reward=True), bleu]))
    assert "chrF (in the reward) 0.0" in text
    assert "BLEU 0.0" in text


def test_what_could_not_be_measured_is_said_and_not_zero() -> None:
    text = "\n".join(lines_of([change("cut", NAN, 0.5, Estimate(0.5, NAN, NAN, 1))]))
    assert "\N{EN DASH} 0.500 +0.500 (no interval)" in text


@pytest.mark.parametrize("num", [1, 2, FEWEST_UNITS - 1])
def test_of_too_few_prompts_there_are_numbers_and_the_reason_why_nothing_is_read(num: int) -> None:
    scores = {name: np.full(num, 0.5) + np.arange(num) / 9 for name in ("chrf", "bleu", "cut")}
    better = {name: values + 1 for name, values in scores.items()}
    changes = metric_changes(scores, better, lambda _: False, confidence=0.95, num_resamples=100)
    lines = lines_of(list(changes))
    assert lines[0] == f"{num} held-out prompts, greedy responses"
    text = " ".join(lines)
    assert too_few(num, "prompts") in text
    assert text.count("+1.0 (no interval)") == 2
    for word in (" up", " down", "shown", "nan", "["):
        assert word not in text


def test_means_of_too_few_prompts_say_so_and_have_no_interval() -> None:
    found = SuiteSummary("heldout", Path(), 2, (MetricMean("chrf", Estimate(20.0, NAN, NAN, 2), in_reward=False),), 1.0, KeptSuite((), (), None))  # fmt: skip
    text = io.StringIO()
    Console(file=text, width=140).print(means_table(found, EvaluationConfig()))
    words = " ".join(text.getvalue().split())
    assert words.startswith("2 held-out prompts, greedy responses metric")
    assert "chrF 20.0 (no interval)" in words
    assert too_few(2, "held-out prompts") in words
    assert "95%" not in words


@pytest.mark.parametrize(
    ("confidence", "title"),
    [
        (0.9, "90% intervals"),
        (0.995, "99.5% intervals"),
    ],
)
def test_the_title_names_the_level(confidence: float, title: str) -> None:
    flat = replace(change("cut", 0.0, 0.0, Estimate(0.0, 0.0, 0.0, 64)), confidence=None)
    assert lines_of([flat], confidence)[0] == f"64 held-out prompts, greedy responses, {title}"


def test_drawn_answers_are_called_so() -> None:
    text = io.StringIO()
    one = change("chrf", 20.0, 21.0, Estimate(1.0, 0.5, 1.5, 64))
    table = change_table([one], EvaluationConfig(temperature=0.7))
    Console(file=text, width=140).print(table)
    words = " ".join(text.getvalue().split())
    assert "64 held-out prompts, responses drawn at temperature 0.7, 97.5% intervals" in words
