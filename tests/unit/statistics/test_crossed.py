"""Means over seeds and prompts; against plain loops, all resamples and known truths."""

import itertools

import numpy as np
import pytest

from bootstrap_oracle import NAN, Floats, scores_by_seed
from rlsr.statistics.crossed import crossed_mean, percentile_interval
from rlsr.statistics.estimate import FEWEST_UNITS


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


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(
    ("num_seeds", "missing"), [(1, 0.0), (1, 0.2), (3, 0.0), (3, 0.3), (5, 0.0)]
)
def test_the_interval_is_that_of_plain_loops(
    num_seeds: int, missing: float, confidence: float
) -> None:
    scores = scores_by_seed(num_seeds, 12, seed=num_seeds, missing=missing)
    found = percentile_interval(scores, confidence=confidence, num_resamples=20_000, seed=0)
    low, high = plain_interval(scores, confidence)
    assert found == pytest.approx((low, high), abs=0.05 * (high - low))


def test_the_mean_and_its_count_are_of_what_is_scored() -> None:
    scores = scores_by_seed(3, FEWEST_UNITS + 8, seed=1, missing=0.1)
    found = crossed_mean(scores, num_resamples=300)
    mean = np.nanmean(scores)
    assert found.mean == pytest.approx(mean)
    assert found.num == np.count_nonzero(~np.isnan(scores))
    ends = percentile_interval(scores - mean, confidence=0.95, num_resamples=300, seed=0)
    assert (found.low - mean, found.high - mean) == pytest.approx(ends)


def test_the_interval_is_that_of_all_resamples() -> None:
    scores = np.array([[0.0, 1.0, NAN, 4.0], [0.5, 3.0, 2.0, 2.5]])
    found = percentile_interval(scores, confidence=0.6, num_resamples=50_000, seed=0)
    assert found == pytest.approx(exact_interval(scores, 0.6), abs=0.06)


@pytest.mark.parametrize(
    ("num_seeds", "seed_spread", "least"), [(1, 0.0, 176), (3, 0.0, 176), (8, 0.1, 170)]
)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(
    num_seeds: int, seed_spread: float, least: int
) -> None:
    hits = 0
    for seed in range(200):
        scores = scores_by_seed(num_seeds, 60, seed=seed, seed_spread=seed_spread)
        found = crossed_mean(scores, num_resamples=400, seed=seed)
        hits += found.low <= 0.5 <= found.high
    # 190 expected; four standard deviations are 12, and few seeds give too narrow intervals.
    assert hits >= least


def test_prompts_alone_would_take_the_luck_of_seeds_for_an_effect() -> None:
    crossed, flat = 0, 0
    for seed in range(100):
        scores = scores_by_seed(6, 60, seed=seed, seed_spread=0.3)
        found = crossed_mean(scores, num_resamples=300, seed=seed)
        crossed += found.low <= 0.5 <= found.high
        over_prompts = crossed_mean(scores.mean(axis=0)[None], num_resamples=300, seed=seed)
        flat += over_prompts.low <= 0.5 <= over_prompts.high
    assert crossed >= 80
    assert flat <= 60


def test_one_seed_is_a_bootstrap_over_prompts() -> None:
    values = scores_by_seed(1, 100, seed=3)
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
        ([[0.3] * (FEWEST_UNITS - 1)] * 2, (0.3, NAN, NAN, 2 * FEWEST_UNITS - 2)),
        ([[0.3] * (FEWEST_UNITS - 1) + [NAN]], (0.3, NAN, NAN, FEWEST_UNITS - 1)),
        ([[0.3] * FEWEST_UNITS] * 2, (0.3, 0.3, 0.3, 2 * FEWEST_UNITS)),
        ([[0.0, NAN] * FEWEST_UNITS, [NAN, 0.0] * FEWEST_UNITS], (0.0, 0.0, 0.0, 2 * FEWEST_UNITS)),
    ],
    ids=lambda value: str(value)[:40],
)
def test_too_few_and_equal_scores(
    scores: list[list[float]], expected: tuple[float, float, float, int]
) -> None:
    found = crossed_mean(np.array(scores))
    assert (found.mean, found.low, found.high, found.num) == pytest.approx(expected, nan_ok=True)


def test_resampling_in_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_by_seed(3, 40, seed=2, missing=0.1)
    whole = crossed_mean(scores, num_resamples=5000)
    monkeypatch.setattr("rlsr.statistics.resamples._MOST_CELLS", 777)
    parts = crossed_mean(scores, num_resamples=5000)
    assert parts.mean == whole.mean
    assert parts.low == pytest.approx(whole.low, abs=0.05 * (whole.high - whole.low))


def test_the_same_seed_gives_the_same_numbers() -> None:
    scores = scores_by_seed(3, 40, seed=2)
    assert crossed_mean(scores, seed=1) == crossed_mean(scores, seed=1)
    assert crossed_mean(scores, seed=1) != crossed_mean(scores, seed=2)
