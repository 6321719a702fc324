"""Recipes side by side: means over seeds and prompts, differences, wins; against plain loops and known truths."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.evaluation import Estimate
from rlsr.evaluation.comparison import (
    adjusted_confidence,
    compare_metric,
    crossed_mean,
    paired,
    stack_seeds,
    verdict,
    win_shares,
)

NAN = float("nan")
Floats = NDArray[np.float64]


def drawn_mean(scores: Floats, seeds: list[int], prompts: list[int]) -> float:
    """The mean of one resample, cell by cell."""
    cells = [scores[seed, prompt] for seed in seeds for prompt in prompts]
    known = [cell for cell in cells if not np.isnan(cell)]
    return sum(known) / len(known) if known else NAN


def plain_interval(scores: Floats, confidence: float, resamples: int = 4000) -> tuple[float, float]:
    """The pigeonhole bootstrap as it is described: draw rows, draw columns, look at every cell."""
    rng = np.random.default_rng(99)
    num_seeds, num_prompts = scores.shape
    means = [
        drawn_mean(
            scores,
            rng.integers(num_seeds, size=(num_seeds,)).tolist(),
            rng.integers(num_prompts, size=(num_prompts,)).tolist(),
        )
        for _ in range(resamples)
    ]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail])
    return float(low), float(high)


def exact_interval(scores: Floats, confidence: float) -> tuple[float, float]:
    """All resamples that there are, each as likely as the others."""
    num_seeds, num_prompts = scores.shape
    means = [
        drawn_mean(scores, list(seeds), list(prompts))
        for seeds in itertools.product(range(num_seeds), repeat=num_seeds)
        for prompts in itertools.product(range(num_prompts), repeat=num_prompts)
    ]
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail])
    return float(low), float(high)


def sample(
    num_seeds: int, num_prompts: int, *, seed: int, seed_spread: float = 0.1, missing: float = 0.0
) -> Floats:
    rng = np.random.default_rng(seed)
    scores = (
        0.5
        + rng.normal(0, seed_spread, size=(num_seeds, 1))
        + rng.normal(0, 0.3, size=(1, num_prompts))
        + rng.normal(0, 0.2, size=(num_seeds, num_prompts))
    )
    scores[rng.random(scores.shape) < missing] = NAN
    return scores


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(
    ("num_seeds", "missing"), [(1, 0.0), (1, 0.2), (3, 0.0), (3, 0.3), (5, 0.0)]
)
def test_the_interval_is_that_of_plain_loops(
    num_seeds: int, missing: float, confidence: float
) -> None:
    scores = sample(num_seeds, 12, seed=num_seeds, missing=missing)
    found = crossed_mean(scores, confidence=confidence, num_resamples=20_000)
    low, high = plain_interval(scores, confidence)
    assert found.mean == pytest.approx(np.nanmean(scores))
    assert found.num == np.count_nonzero(~np.isnan(scores))
    assert found.low == pytest.approx(low, abs=0.05 * (high - low))
    assert found.high == pytest.approx(high, abs=0.05 * (high - low))


def test_the_interval_is_that_of_all_resamples() -> None:
    scores = np.array([[0.0, 1.0, NAN, 4.0], [0.5, 3.0, 2.0, 2.5]])
    found = crossed_mean(scores, confidence=0.6, num_resamples=50_000)
    assert (found.low, found.high) == pytest.approx(exact_interval(scores, 0.6), abs=0.06)


@pytest.mark.parametrize(
    ("num_seeds", "seed_spread", "least"), [(1, 0.0, 176), (3, 0.0, 176), (8, 0.1, 170)]
)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(
    num_seeds: int, seed_spread: float, least: int
) -> None:
    hits = 0
    for seed in range(200):
        scores = sample(num_seeds, 60, seed=seed, seed_spread=seed_spread)
        found = crossed_mean(scores, num_resamples=400, seed=seed)
        hits += found.low <= 0.5 <= found.high
    # 190 expected; four standard deviations are 12, and few seeds give too narrow intervals.
    assert hits >= least


def test_prompts_alone_would_take_the_luck_of_seeds_for_an_effect() -> None:
    crossed, flat = 0, 0
    for seed in range(100):
        scores = sample(6, 60, seed=seed, seed_spread=0.3)
        found = crossed_mean(scores, num_resamples=300, seed=seed)
        crossed += found.low <= 0.5 <= found.high
        over_prompts = crossed_mean(scores.mean(axis=0)[None], num_resamples=300, seed=seed)
        flat += over_prompts.low <= 0.5 <= over_prompts.high
    assert crossed >= 80
    assert flat <= 60


def test_one_seed_is_a_bootstrap_over_prompts() -> None:
    values = sample(1, 100, seed=3)
    rng = np.random.default_rng(5)
    means = rng.choice(values[0], size=(20_000, 100)).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    found = crossed_mean(values, num_resamples=20_000)
    width = high - low
    assert found.low == pytest.approx(low, abs=0.04 * width)
    assert found.high == pytest.approx(high, abs=0.04 * width)


def test_differing_seeds_widen_the_interval() -> None:
    prompts = np.random.default_rng(1).normal(size=(1, 50))
    alike = np.repeat(prompts, 4, axis=0)
    apart = alike + np.array([[-1.0], [-0.5], [0.5], [1.0]])
    assert crossed_mean(alike).mean == pytest.approx(crossed_mean(apart).mean)
    width = crossed_mean(alike).high - crossed_mean(alike).low
    assert crossed_mean(apart).high - crossed_mean(apart).low > 1.3 * width
    once = crossed_mean(prompts)
    assert once.high - once.low == pytest.approx(width, rel=0.05)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[]], (NAN, NAN, NAN, 0)),
        ([[NAN, NAN]], (NAN, NAN, NAN, 0)),
        ([[0.5]], (0.5, NAN, NAN, 1)),
        ([[0.5, NAN], [0.7, NAN]], (0.6, NAN, NAN, 2)),
        ([[0.3, 0.3], [0.3, 0.3]], (0.3, 0.3, 0.3, 4)),
        ([[0.0, NAN], [NAN, 0.0]], (0.0, 0.0, 0.0, 2)),
    ],
    ids=str,
)
def test_too_few_and_equal_scores(
    scores: list[list[float]], expected: tuple[float, float, float, int]
) -> None:
    found = crossed_mean(np.array(scores))
    assert (found.mean, found.low, found.high, found.num) == pytest.approx(expected, nan_ok=True)


def test_resampling_in_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = sample(3, 20, seed=2, missing=0.1)
    whole = crossed_mean(scores, num_resamples=5000)
    monkeypatch.setattr("rlsr.evaluation.comparison._MOST_CELLS", 777)
    parts = crossed_mean(scores, num_resamples=5000)
    assert parts.mean == whole.mean
    assert parts.low == pytest.approx(whole.low, abs=0.05 * (whole.high - whole.low))


def test_the_same_seed_gives_the_same_numbers() -> None:
    scores = sample(3, 20, seed=2)
    assert crossed_mean(scores, seed=1) == crossed_mean(scores, seed=1)
    assert crossed_mean(scores, seed=1) != crossed_mean(scores, seed=2)


@pytest.mark.parametrize(
    ("confidence", "num", "expected"),
    [(0.95, 1, 0.95), (0.95, 4, 0.9875), (0.9, 2, 0.95), (0.95, 0, 0.95)],
)
def test_several_comparisons_ask_more_of_each(confidence: float, num: int, expected: float) -> None:
    assert adjusted_confidence(confidence, num) == pytest.approx(expected)


def test_every_recipe_is_compared_with_the_baseline_at_the_adjusted_level() -> None:
    base = sample(1, 40, seed=0)
    better, same = base + 0.2 + sample(3, 40, seed=1) / 10, base + sample(3, 40, seed=2) * 0
    worse = base - 0.3 + sample(3, 40, seed=3) / 10
    scores = {"better": better, "base": base, "same": same, "worse": worse}
    found = compare_metric(scores, "base", num_resamples=2000)
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
    among = compare_metric({"base": base, "close": close} | dict.fromkeys(names, base), "base")
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


def test_nothing_scored_shows_no_difference() -> None:
    found = compare_metric({"base": np.zeros((1, 3)), "own": np.full((2, 3), NAN)}, "base")["own"]
    assert found.verdict == "no difference shown"
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
        (NAN, NAN, 0.5, "no difference shown"),
    ],
)
def test_words_come_from_the_interval(low: float, high: float, mean: float, expected: str) -> None:
    assert verdict(Estimate(mean, low, high, 9)) == expected


def test_wins_ties_and_losses_count_every_seed_and_prompt() -> None:
    base = np.array([[0.5, 0.5, 0.5, 0.5, NAN]])
    scores = np.array([[0.6, 0.505, 0.495, 0.4, 0.9], [0.6, 0.6, NAN, 0.5, 0.9]])
    found = win_shares(scores, base, 0.01)
    assert (found.win, found.tie, found.loss) == pytest.approx((3 / 7, 3 / 7, 1 / 7))
    assert found.margin == 0.01
    swapped = win_shares(base, scores, 0.01)
    assert (swapped.win, swapped.loss) == (found.loss, found.win)


def test_a_difference_of_just_the_margin_is_a_tie() -> None:
    assert win_shares(np.array([[1.0, 3.0]]), np.array([[0.0, 4.0]]), 1.0).tie == 1


def test_wins_of_nothing_are_not_scored() -> None:
    found = win_shares(np.array([[NAN]]), np.array([[1.0]]), 0.0)
    assert np.isnan([found.win, found.tie, found.loss]).all()


def test_missing_scores_become_nan() -> None:
    found = stack_seeds([[1, None], [0.5, 2]])
    np.testing.assert_array_equal(found, [[1, NAN], [0.5, 2]])
    assert found.dtype == np.float64
