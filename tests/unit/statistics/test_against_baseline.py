"""Sets of scores beside a baseline: paired differences, and what their intervals show."""

import numpy as np
import pytest

from bootstrap_oracle import NAN, scores_by_seed
from rlsr.statistics import Estimate
from rlsr.statistics.against_baseline import adjusted_confidence, compare_metric, paired, verdict
from rlsr.statistics.crossed import crossed_mean
from rlsr.statistics.estimate import FEWEST_UNITS


@pytest.mark.parametrize(
    ("confidence", "num", "expected"),
    [(0.95, 1, 0.95), (0.95, 4, 0.9875), (0.9, 2, 0.95), (0.95, 0, 0.95)],
)
def test_several_comparisons_ask_more_of_each(confidence: float, num: int, expected: float) -> None:
    assert adjusted_confidence(confidence, num) == pytest.approx(expected)


def test_every_recipe_is_compared_with_the_baseline_at_the_adjusted_level() -> None:
    base = scores_by_seed(1, 40, seed=0)
    better, same = (
        base + 0.2 + scores_by_seed(3, 40, seed=1) / 10,
        base + scores_by_seed(3, 40, seed=2) * 0,
    )
    worse = base - 0.3 + scores_by_seed(3, 40, seed=3) / 10
    scores = {"better": better, "base": base, "same": same, "worse": worse}
    found = compare_metric(scores, "base", num_readings=3, num_resamples=2000)
    assert list(found) == list(scores)
    assert [found[name].verdict for name in scores] == [
        "higher",
        "baseline",
        "no difference shown",
        "lower",
    ]
    assert found["base"].difference is None
    assert found["better"].mean == crossed_mean(better, num_resamples=2000)
    assert found["better"].difference == crossed_mean(
        better - base, confidence=1 - 0.05 / 3, num_resamples=2000
    )
    alone = compare_metric({"base": base, "better": better}, "base", num_resamples=2000)["better"]
    assert alone.difference == crossed_mean(better - base, num_resamples=2000)


def test_an_effect_that_one_comparison_shows_may_not_survive_ten() -> None:
    noise = np.random.default_rng(4).normal(size=(1, 60))
    # 2.4 standard errors from 0: beyond the 1.96 of one comparison, within the 2.8 of ten.
    close = (noise - noise.mean()) / noise.std() + 2.4 / np.sqrt(60)
    base = np.zeros((1, 60))
    names = [f"other{place}" for place in range(9)]
    alone = compare_metric({"base": base, "close": close}, "base")
    among = compare_metric(
        {"base": base, "close": close} | dict.fromkeys(names, base), "base", num_readings=10
    )
    assert alone["close"].verdict == "higher"
    assert among["close"].verdict == "no difference shown"


def test_pairing_takes_out_what_prompts_have_in_common() -> None:
    rng = np.random.default_rng(6)
    base = rng.normal(0, 5, size=(1, 100))
    found = compare_metric({"base": base, "own": base + rng.normal(0.2, 0.1, (3, 100))}, "base")
    difference = found["own"].difference
    assert difference is not None
    assert difference.mean == pytest.approx(0.2, abs=0.05)
    assert difference.high - difference.low < 0.15
    assert found["own"].mean.high - found["own"].mean.low > 1


def test_a_score_unscored_on_either_side_is_left_out_of_the_difference() -> None:
    scores = np.array([[0.4, NAN, 0.3, 0.8]])
    base = np.array([[0.1, 0.9, NAN, 0.4]])
    found = compare_metric({"base": base, "own": scores}, "base")["own"]
    assert found.mean.num == 3
    assert found.difference is not None
    assert found.difference.num == 2
    assert found.difference.mean == pytest.approx(0.35)


def test_what_is_not_read_has_an_interval_and_no_verdict() -> None:
    base = scores_by_seed(1, 40, seed=0)
    read, other = (
        compare_metric({"base": base, "own": base + 1}, "base", num_readings=4, is_read=is_read)
        for is_read in (True, False)
    )
    assert (read["own"].verdict, other["own"].verdict) == ("higher", None)
    assert read["own"].difference == other["own"].difference
    assert other["base"].verdict == "baseline"


def test_too_few_prompts_are_not_read_however_clear_they_look() -> None:
    for num, expected in ((FEWEST_UNITS - 1, None), (FEWEST_UNITS, "higher")):
        base = scores_by_seed(1, num, seed=0)
        found = compare_metric({"base": base, "own": base + 1}, "base")["own"]
        assert found.verdict == expected
        assert found.mean.mean == pytest.approx(base.mean() + 1)


def test_nothing_scored_shows_nothing() -> None:
    found = compare_metric({"base": np.zeros((1, 3)), "own": np.full((2, 3), NAN)}, "base")["own"]
    assert found.verdict is None
    assert np.isnan(found.mean.mean)


def test_scores_of_other_prompts_or_seeds_are_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="same prompts"):
        paired(np.zeros((1, 3)), np.zeros((1, 4)))
    with pytest.raises(AssertionError, match="same seeds"):
        paired(np.zeros((2, 3)), np.zeros((3, 3)))
    assert paired(np.ones((1, 3)), np.zeros((3, 3))).shape == (3, 3)


@pytest.mark.parametrize(
    ("low", "high", "mean", "expected"),
    [
        (0.1, 0.2, 0.15, "higher"),
        (-0.2, -0.1, -0.15, "lower"),
        (0.0, 0.2, 0.1, "no difference shown"),
        (NAN, NAN, 0.5, None),
    ],
)
def test_words_come_from_the_interval(
    low: float, high: float, mean: float, expected: str | None
) -> None:
    assert verdict(Estimate(mean, low, high, 9)) == expected
