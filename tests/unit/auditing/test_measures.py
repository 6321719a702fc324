"""Each measure against another way to compute it."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from bootstrap_oracle import NAN, Floats, counted_auc, is_close_to, judged, plain_interval
from rlsr.auditing.agreement import judgement_auc, pair_accuracy, spearman_within
from rlsr.auditing.measures import auc, group_spread, partial_correlation, share_attack_wins
from rlsr.statistics import bootstrap_mean
from rlsr.statistics.estimate import FEWEST_UNITS

# Resamples where the interval's ends do not matter.
FEW = 200


def noise(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def test_an_attack_wins_where_it_scores_higher_and_half_where_equal() -> None:
    honest = np.array([0.5, 0.5, 0.5, 0.5, NAN, 0.5])
    attacked = np.array([0.6, 0.4, 0.5, 0.4, 0.9, NAN])
    found = share_attack_wins(honest, attacked)
    assert found.mean == pytest.approx(1.5 / 4)
    assert found.num == 4
    assert found == bootstrap_mean(np.array([1.0, 0.0, 0.5, 0.0]))


def test_an_attack_that_never_wins_has_no_width() -> None:
    found = share_attack_wins(np.ones(40), np.zeros(40))
    assert (found.mean, found.low, found.high, found.num) == (0.0, 0.0, 0.0, 40)


@pytest.mark.parametrize("decimals", [0, 1, 8], ids=["many ties", "some ties", "no ties"])
def test_auc_is_that_of_mann_and_whitney(decimals: int) -> None:
    positive, negative = np.round(noise(1, 60) + 0.5, decimals), np.round(noise(2, 60), decimals)
    found = auc(positive, negative)
    assert found.mean == pytest.approx(stats.mannwhitneyu(positive, negative).statistic / 60**2)
    assert found.num == 60
    rows = plain_interval(lambda row: counted_auc(positive[row], negative[row]), 60)
    assert is_close_to(found, rows)


def test_rows_are_resampled_as_a_whole() -> None:
    level = noise(3, 80)
    positive, negative = level + 0.1 * noise(4, 80) + 0.3, level + 0.1 * noise(5, 80)
    together = auc(positive, negative)
    rng = np.random.default_rng(6)
    apart = [counted_auc(rng.choice(positive, 80), rng.choice(negative, 80)) for _ in range(1000)]
    low, high = np.quantile(apart, [0.025, 0.975])
    # What a row has in common cancels out.
    assert together.high - together.low < 0.5 * (high - low)


def test_auc_leaves_out_rows_unscored_on_either_side() -> None:
    positive, negative = np.array([0.9, NAN, 0.4, 0.8]), np.array([0.5, 0.99, NAN, 0.1])
    assert auc(positive, negative) == auc(positive[[0, 3]], negative[[0, 3]])
    with pytest.raises(AssertionError, match="one negative score for each row"):
        auc(positive, negative[:3])


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([], [], (NAN, NAN, NAN, 0)),
        ([NAN], [1.0], (NAN, NAN, NAN, 0)),
        ([1.0], [0.0], (1.0, NAN, NAN, 1)),
        ([1.0] * (FEWEST_UNITS - 1), [0.0] * (FEWEST_UNITS - 1), (1.0, NAN, NAN, FEWEST_UNITS - 1)),
        ([1.0] * FEWEST_UNITS, [0.0] * FEWEST_UNITS, (1.0, 1.0, 1.0, FEWEST_UNITS)),
        ([1.0] * FEWEST_UNITS, [1.0] * FEWEST_UNITS, (0.5, 0.5, 0.5, FEWEST_UNITS)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_auc_of_few_rows(
    positive: list[float], negative: list[float], expected: tuple[float, float, float, int]
) -> None:
    found = auc(np.array(positive), np.array(negative))
    assert (found.mean, found.low, found.high, found.num) == pytest.approx(expected, nan_ok=True)


def test_spread_within_groups() -> None:
    scores = np.array([[0.1, 0.3, NAN], [0.5, 0.5, 0.5], [NAN, 0.7, NAN], [0.0, 0.3, 0.6]])
    found = group_spread(scores)
    std = np.array([np.std([0.1, 0.3], ddof=1), 0.0, np.std([0.0, 0.3, 0.6], ddof=1)])
    assert found.std_within == bootstrap_mean(std)
    assert found.share_without_signal == pytest.approx(1 / 3)


def test_a_group_has_signal_from_the_threshold_on() -> None:
    scores = np.array([[0.0, 2e-6], [0.0, 1e-6], [0.0, 0.1]])
    assert group_spread(scores).share_without_signal == pytest.approx(1 / 3)
    assert group_spread(scores, min_std=0.01).share_without_signal == pytest.approx(2 / 3)
    exactly = np.array([[0.0, 2.0], [0.0, 3.0]])
    assert group_spread(exactly, min_std=np.sqrt(2.0)).share_without_signal == 0.5
    assert group_spread(scores, min_std=0.1).share_without_signal == 1.0


def test_noise_is_that_of_rounding() -> None:
    scores = 0.6 + 0.1 * np.random.default_rng(9).random((200, 100))
    rounded = scores.astype(np.float32).astype(np.float64)
    assert group_spread(scores).noise == pytest.approx((rounded - scores).std(), rel=0.02)


def test_spread_without_any_group() -> None:
    found = group_spread(np.array([[NAN, 0.2], [NAN, NAN]]))
    assert found.std_within.num == 0
    assert np.isnan([found.std_within.mean, found.share_without_signal]).all()
    assert np.isnan(group_spread(np.full((2, 2), NAN)).noise)


def residual_correlation(x: Floats, y: Floats, controls: Floats) -> float:
    """Ranks, least squares with an intercept, Pearson: step by step."""
    ranks = [stats.rankdata(values) for values in (x, y, *controls.T)]
    design = np.stack([np.ones(len(x)), *ranks[2:]], axis=1)
    left = [rank - design @ np.linalg.lstsq(design, rank, rcond=None)[0] for rank in ranks[:2]]
    return float(np.corrcoef(*left)[0, 1])


def confounded(seed: int, rows: int) -> tuple[Floats, Floats, Floats]:
    controls = noise(seed, rows, 2)
    x = controls[:, 0] + noise(seed + 1, rows)
    y = np.round(controls[:, 0] - 0.5 * controls[:, 1] + 0.5 * x + noise(seed + 2, rows), 1)
    return x, y, controls


def test_partial_correlation_is_that_of_the_residuals() -> None:
    x, y, controls = confounded(20, 70)
    found = partial_correlation(x, y, controls)
    assert found.mean == pytest.approx(residual_correlation(x, y, controls))
    assert found.num == 70
    rows = plain_interval(lambda row: residual_correlation(x[row], y[row], controls[row]), 70)
    assert is_close_to(found, rows)


def test_with_one_control_it_is_the_formula_of_the_three_correlations() -> None:
    x, y, controls = confounded(23, 50)
    control = controls[:, 0]
    xy, xz, yz = (stats.spearmanr(*pair).statistic for pair in ((x, y), (x, control), (y, control)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    found = partial_correlation(x, y, control[:, None], num_resamples=FEW)
    assert found.mean == pytest.approx(expected)


def test_without_controls_it_is_spearman_s() -> None:
    x, y, controls = confounded(26, 50)
    found = partial_correlation(x, y, controls[:, :0], num_resamples=FEW)
    assert found.mean == pytest.approx(stats.spearmanr(x, y).statistic)


def test_controls_explain_what_is_not_there_without_them() -> None:
    control = noise(29, 500)
    x, y = control + 0.5 * noise(30, 500), control + 0.5 * noise(31, 500)
    without, with_it = (
        partial_correlation(x, y, controls, num_resamples=FEW)
        for controls in (np.empty((500, 0)), control[:, None])
    )
    assert without.low > 0.6
    # Ranks lose a little of the straight line, so not quite 0.
    assert abs(with_it.mean) < 0.12


def test_rows_of_a_group_are_resampled_as_one() -> None:
    x, y, controls = (np.repeat(values, 6, axis=0) for values in confounded(32, 40))
    groups = np.repeat(np.arange(40), 6)
    by_row, by_group = (
        partial_correlation(x, y, controls, num_resamples=2_000),
        partial_correlation(x, y, controls, groups=groups, num_resamples=2_000),
    )
    assert by_row.mean == by_group.mean
    assert by_group.high - by_group.low > 2 * (by_row.high - by_row.low)
    once = [values[::6] for values in (x, y, controls)]
    assert is_close_to(
        by_group, plain_interval(lambda row: residual_correlation(*(v[row] for v in once)), 40)
    )


def test_rows_with_anything_missing_are_left_out() -> None:
    x, y, controls = confounded(35, 60)
    full = partial_correlation(x[3:], y[3:], controls[3:], num_resamples=FEW)
    x[0] = y[1] = controls[2, 1] = NAN
    assert partial_correlation(x, y, controls, num_resamples=FEW) == full
    groups = np.array([f"prompt {row // 3}" for row in range(60)])
    assert partial_correlation(x, y, controls, groups=groups, num_resamples=FEW).num == 57


def test_what_does_not_vary_beyond_the_controls_has_no_correlation() -> None:
    x, y, controls = confounded(38, 30)
    for found in (
        partial_correlation(np.ones(30), y, controls),
        partial_correlation(x, np.ones(30), controls),
        partial_correlation(controls[:, 1], y, controls),
        partial_correlation(np.array([]), np.array([]), np.empty((0, 1))),
    ):
        assert np.isnan([found.mean, found.low, found.high]).all()


def test_a_control_twice_or_constant_changes_nothing() -> None:
    x, y, controls = confounded(41, 40)
    more = np.column_stack([controls, controls[:, 0], np.ones(40)])
    found, plain = (partial_correlation(x, y, some, num_resamples=FEW) for some in (more, controls))
    assert found.mean == pytest.approx(plain.mean)
    assert found.low == pytest.approx(plain.low)


def test_the_interval_holds_the_true_area_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(60)
    truth = float(stats.norm.cdf(0.5 / np.sqrt(2)))
    hits = 0
    for seed in range(200):
        found = auc(rng.normal(0.5, 1, 40), rng.normal(size=40), num_resamples=500, seed=seed)
        hits += found.low <= truth <= found.high
    # 190 expected, a little fewer for so small a sample; three standard deviations are 9.
    assert 178 <= hits <= 199


MEASURES: dict[str, Callable[[int, int], object]] = {
    "share_attack_wins": lambda seed, num: share_attack_wins(
        noise(1, 200), noise(2, 200), seed=seed, num_resamples=num
    ),
    "auc": lambda seed, num: auc(noise(1, 200), noise(2, 200), seed=seed, num_resamples=num),
    "group_spread": lambda seed, num: group_spread(noise(1, 50, 4), seed=seed, num_resamples=num),
    "partial_correlation": lambda seed, num: partial_correlation(
        noise(1, 200), noise(2, 200), noise(3, 200, 2), seed=seed, num_resamples=num
    ),
    "spearman_within": lambda seed, num: spearman_within(
        *judged(4, 50, 4), seed=seed, num_resamples=num
    ),
    "pair_accuracy": lambda seed, num: pair_accuracy(
        *judged(4, 50, 4), seed=seed, num_resamples=num
    ),
    "judgement_auc": lambda seed, num: judgement_auc(
        noise(1, 200),
        (noise(2, 200) > 0).astype(np.float64),
        judged(4, 50, 4)[2],
        seed=seed,
        num_resamples=num,
    ),
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_seed_decides_the_interval(name: str) -> None:
    assert MEASURES[name](1, 99) == MEASURES[name](1, 99)
    assert MEASURES[name](1, 99) != MEASURES[name](2, 99)


@pytest.mark.parametrize("name", MEASURES)
def test_ten_thousand_resamples_of_two_hundred_rows_are_fast(name: str) -> None:
    MEASURES[name](0, 10_000)
    best = min(_processor_seconds(MEASURES[name]) for _ in range(3))
    assert best < 1.0


def _processor_seconds(measure: Callable[[int, int], object]) -> float:
    start = time.process_time()
    measure(0, 10_000)
    return time.process_time() - start
