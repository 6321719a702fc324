"""What a comparison shows, in words."""

import pytest

from comparisons import compared, make_comparison
from rlsr.comparison.words import (
    amount_in_words,
    duration,
    findings,
    how_it_was_compared,
    tone,
    training_in_words,
)
from rlsr.evaluation.metrics import SharedMetric
from rlsr.statistics.against_baseline import Verdict
from rlsr.statistics.in_words import too_few

CHRF = SharedMetric("chrf", False, "higher")
CUT = SharedMetric("cut", False, "lower")
LENGTH = SharedMetric("length_ratio", False, "near_one")
REWARD = SharedMetric("reward", True, "higher")


@pytest.mark.parametrize(
    ("metric", "verdict", "expected"),
    [
        (CHRF, "higher", "good"),
        (CHRF, "lower", "bad"),
        (CUT, "lower", "good"),
        (CUT, "higher", "bad"),
        (LENGTH, "higher", ""),
        (CHRF, "no difference shown", "even"),
        (CHRF, None, ""),
        (CHRF, "baseline", ""),
    ],
)
def test_the_colour_says_whether_a_difference_is_good(
    metric: SharedMetric, verdict: Verdict | None, expected: str
) -> None:
    assert tone(metric, verdict) == expected


@pytest.mark.parametrize(
    ("metrics", "independent", "in_reward"),
    [
        ({CHRF: "higher", CUT: "lower", LENGTH: "no difference shown", REWARD: "higher"},
         "is higher than base on chrF and lower on cut answers; no difference shown on relative length", "is higher than base on reward"),
        ({CHRF: "lower", CUT: "lower"}, "is lower than base on chrF and cut answers", ""),
        ({CHRF: "no difference shown", CUT: "no difference shown", LENGTH: "no difference shown"},
         "shows no difference from base on chrF, cut answers and relative length", ""),
    ],
)  # fmt: skip
def test_the_finding_is_a_sentence(
    metrics: dict[SharedMetric, Verdict], independent: str, in_reward: str
) -> None:
    (finding,) = findings(make_comparison(metrics))
    assert (finding.name, finding.independent, finding.in_reward) == (
        "mine",
        independent,
        in_reward,
    )


def test_where_no_interval_says_anything_there_is_no_sentence() -> None:
    assert findings(make_comparison({CHRF: None})) == ()


def test_a_method_is_named_unless_the_name_says_it() -> None:
    assert training_in_words(compared("sft", {})) == ""
    assert training_in_words(compared("base", {}, against=None)) == "not trained"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.4, "59 min 59 s"), (3600, "1 h 0 min"), (7530, "2 h 6 min")],
)  # fmt: skip
def test_times_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("by", "amount", "expected"),
    [
        ("wall_clock", 120.0, "120 s"),
        ("tokens", 5000, "5,000 response tokens"),
        ("steps", 30, "30 steps"),
    ],
)
def test_a_budget_in_words(by: str, amount: float, expected: str) -> None:
    assert amount_in_words(by, amount) == expected


def test_the_caption_names_the_level_and_what_it_is_adjusted_for() -> None:
    text = how_it_was_compared(make_comparison({CHRF: "higher"}, num_comparisons=4, seeds=(0, 1)))
    assert "40 held-out prompts and 2 seeds" in text
    assert "98.75 % interval" in text
    assert "all 4 readings hold together at 95 %" in text
    assert "Only the primary metrics are read: chrF." in text


def test_a_table_of_older_files_says_how_its_readings_were_made() -> None:
    text = how_it_was_compared(make_comparison({CHRF: "higher"}, num_comparisons=4, primary=()))
    assert "all 4 comparisons of a metric hold together at 95 %" in text
    assert "primary" not in text


def test_too_few_prompts_are_named_in_place_of_the_level() -> None:
    text = how_it_was_compared(make_comparison({CHRF: None}, num_prompts=2))
    assert text == f"Means over 2 held-out prompts. {too_few(2, 'prompts')}."
