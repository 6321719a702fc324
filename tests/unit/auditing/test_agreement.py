"""Agreement with judgements against another way to compute it."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from bootstrap_oracle import NAN, Floats, counted_auc, is_close_to, judged, plain_interval
from rlsr.auditing.agreement import judgement_auc, pair_accuracy, spearman_within
from rlsr.statistics import bootstrap_mean


def test_spearman_within_is_the_mean_over_prompts() -> None:
    scores, judgements, groups = judged(50, 40, 5)
    each = [
        stats.spearmanr(scores[groups == group], judgements[groups == group]).statistic
        for group in range(40)
        if len(set(judgements[groups == group])) > 1
    ]
    found = spearman_within(scores, judgements, groups)
    assert found.mean == pytest.approx(np.mean(each))
    assert found.num == len(each)
    expected = bootstrap_mean(np.array(each))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("scores", "judgements", "expected", "num"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0, 1),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -1.0, 1),
        ([2.0, 2.0, 2.0], [3.0, 2.0, 1.0], 0.0, 1),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], NAN, 0),
        ([1.0, 2.0], [1.0, 2.0], NAN, 0),
        ([1.0, 2.0, NAN], [1.0, 2.0, 3.0], NAN, 0),
        ([1.0, 2.0, 3.0], [1.0, 2.0, NAN], NAN, 0),
        ([], [], NAN, 0),
    ],
    ids=str,
)
def test_spearman_of_one_prompt(
    scores: list[float], judgements: list[float], expected: float, num: int
) -> None:
    found = spearman_within(np.array(scores), np.array(judgements), np.zeros(len(scores)))
    assert found.mean == pytest.approx(expected, nan_ok=True)
    assert found.num == num


def ordered_pairs(
    scores: Floats, judgements: Floats, groups: Floats, chosen: NDArray[np.int64]
) -> tuple[float, int]:
    """Pair by pair."""
    right, pairs = 0.0, 0
    for group in chosen:
        items = np.flatnonzero(groups == group)
        for one, other in itertools.combinations(items, 2):
            if judgements[one] != judgements[other]:
                better = np.sign(judgements[one] - judgements[other]) * (
                    scores[one] - scores[other]
                )
                right += float(better > 0) + 0.5 * float(better == 0)
                pairs += 1
    return right, pairs


def test_pair_accuracy_counts_pairs_of_the_same_prompt() -> None:
    scores, judgements, groups = judged(51, 40, 4)
    right, pairs = ordered_pairs(scores, judgements, groups, np.arange(40))
    found = pair_accuracy(scores, judgements, groups)
    assert found.mean == pytest.approx(right / pairs)
    assert found.num == pairs

    def drawn(units: NDArray[np.int64]) -> float:
        right, pairs = ordered_pairs(scores, judgements, groups, units)
        return right / pairs

    assert is_close_to(found, plain_interval(drawn, 40, resamples=600), 0.08)


def test_pair_accuracy_by_hand() -> None:
    scores = np.array([3.0, 2.0, 2.0, 9.0, NAN, 1.0, 0.0])
    judgements = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    groups = np.array(["a", "a", "a", "b", "b", "c", "c"])
    # Within "a": 3 > 2 is right, 2 = 2 is half; "b" lost its better answer, "c" has one judgement.
    found = pair_accuracy(scores, judgements, groups)
    assert (found.mean, found.num) == (0.75, 2)
    assert np.isnan([found.low, found.high]).all()
    assert pair_accuracy(scores[3:], judgements[3:], groups[3:]).num == 0


def test_judgement_auc_resamples_prompts() -> None:
    scores, judgements, groups = judged(52, 40, 4)
    judgements = np.where(judgements > 1, 7.0, 4.0)
    found = judgement_auc(scores, judgements, groups)
    assert found.mean == pytest.approx(
        counted_auc(scores[judgements == 7], scores[judgements == 4])
    )
    assert found.num == 160

    def drawn(units: NDArray[np.int64]) -> float:
        rows = np.concatenate([np.flatnonzero(groups == unit) for unit in units])
        good = judgements[rows] == 7
        return counted_auc(scores[rows][good], scores[rows][~good])

    assert is_close_to(found, plain_interval(drawn, 40))


def test_judgement_auc_needs_two_kinds_and_takes_no_more() -> None:
    scores, groups = np.array([1.0, 2.0, 3.0, NAN]), np.array([0.0, 0.0, 1.0, 1.0])
    one = judgement_auc(scores, np.array([1.0, 1.0, NAN, 0.0]), groups)
    assert one.num == 2
    assert np.isnan(one.mean)
    with pytest.raises(AssertionError, match="two kinds, got 3"):
        judgement_auc(scores, np.array([0.0, 1.0, 2.0, 1.0]), groups)
