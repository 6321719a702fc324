"""What holds for every measure on any numbers."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from rlsr.auditing.agreement import judgement_auc, pair_accuracy, spearman_within
from rlsr.auditing.measures import auc, group_spread, partial_correlation, share_attack_wins
from rlsr.statistics import Estimate
from rlsr.statistics.ranks import Levels, area_statistic

Floats = NDArray[np.float64]

# Few values, so that ties and NaN are common.
values = st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0, float("nan")])
finite = st.integers(-3, 3).map(float)


def rows(count: int, elements: st.SearchStrategy[float] = values) -> st.SearchStrategy[Floats]:
    return arrays(np.float64, count, elements=elements)


pairs = st.integers(0, 12).flatmap(lambda count: st.tuples(rows(count), rows(count)))
judged = st.integers(0, 12).flatmap(
    lambda count: st.tuples(rows(count), rows(count, finite), rows(count, finite))
)


def is_in_order(found: Estimate, lowest: float, highest: float) -> bool:
    """Whether what is known of an estimate lies within its bounds, the interval around something."""
    known = [end for end in (found.mean, found.low, found.high) if not np.isnan(end)]
    ends = np.isnan([found.low, found.high])
    return (
        all(lowest - 1e-12 <= end <= highest + 1e-12 for end in known)
        and bool(ends[0] == ends[1])
        and (bool(ends[0]) or found.low <= found.high)
        and found.num >= 0
    )


@given(pairs)
def test_shares_and_areas_lie_between_0_and_1_and_turn_round(both: tuple[Floats, Floats]) -> None:
    honest, attacked = both
    for measure in (share_attack_wins, auc):
        there, back = (
            measure(honest, attacked, num_resamples=50),
            measure(attacked, honest, num_resamples=50),
        )
        assert is_in_order(there, 0, 1)
        assert there.num == back.num == int((~np.isnan(honest) & ~np.isnan(attacked)).sum())
        if there.num:
            np.testing.assert_allclose(there.mean + back.mean, 1)


@given(pairs)
def test_only_the_order_of_scores_counts(both: tuple[Floats, Floats]) -> None:
    honest, attacked = both
    for measure in (share_attack_wins, auc):
        found = measure(honest, attacked, num_resamples=50)
        again = measure(np.exp(honest) * 3, np.exp(attacked) * 3, num_resamples=50)
        np.testing.assert_equal(vars(found), vars(again))


@settings(max_examples=200)
@given(pairs, st.data())
def test_weights_are_copies_of_rows(both: tuple[Floats, Floats], data: st.DataObject) -> None:
    scored = ~np.isnan(both[0]) & ~np.isnan(both[1])
    positive, negative = both[0][scored], both[1][scored]
    counts = st.lists(st.integers(0, 3), min_size=len(positive), max_size=len(positive))
    weights = np.array(data.draw(counts), dtype=np.int64)
    assume(weights.sum() > 0)
    table = weights[None, :].astype(np.float64)
    copies = np.repeat(positive, weights), np.repeat(negative, weights)
    area = area_statistic(positive, negative)(table, table)
    wins = copies[0][:, None] > copies[1]
    ties = copies[0][:, None] == copies[1]
    np.testing.assert_allclose(area, [(wins + 0.5 * ties).mean()])
    ranks = Levels(positive).ranks(table)[0]
    below = (copies[0] < positive[:, None]).sum(axis=1)
    equal = (copies[0] == positive[:, None]).sum(axis=1)
    np.testing.assert_allclose(ranks, below + (equal + 1) / 2)


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=values))
def test_spread_ignores_a_shift_and_follows_the_scale(scores: Floats) -> None:
    found = group_spread(scores, num_resamples=50)
    moved = group_spread(scores + 8, num_resamples=50)
    scaled = group_spread(scores * 4, num_resamples=50)
    np.testing.assert_allclose(moved.std_within.mean, found.std_within.mean, atol=1e-12)
    np.testing.assert_allclose(scaled.std_within.mean, 4 * found.std_within.mean, atol=1e-12)
    assert found.std_within.num == int(((~np.isnan(scores)).sum(axis=1) > 1).sum())
    assert np.isnan(found.share_without_signal) == (found.std_within.num == 0)
    assert np.isnan(found.noise) == np.isnan(scores).all()


@given(
    st.integers(0, 10).flatmap(
        lambda count: st.tuples(
            rows(count), rows(count), arrays(np.float64, (count, 2), elements=values)
        )
    )
)
def test_a_partial_correlation_is_even_in_its_two_sides(
    data: tuple[Floats, Floats, Floats],
) -> None:
    x, y, controls = data
    found = partial_correlation(x, y, controls, num_resamples=50)
    assert is_in_order(found, -1, 1)
    swapped = partial_correlation(y, x, controls, num_resamples=50)
    turned = partial_correlation(x, -y, controls, num_resamples=50)
    np.testing.assert_allclose(swapped.mean, found.mean, atol=1e-9)
    np.testing.assert_allclose(turned.mean, -found.mean, atol=1e-9)


@given(judged)
def test_agreement_turns_round_with_the_judgements(data: tuple[Floats, Floats, Floats]) -> None:
    scores, judgements, groups = data
    accuracy = pair_accuracy(scores, judgements, groups, num_resamples=50)
    opposite = pair_accuracy(scores, -judgements, groups, num_resamples=50)
    assert is_in_order(accuracy, 0, 1)
    assert accuracy.num == opposite.num
    if accuracy.num:
        np.testing.assert_allclose(accuracy.mean + opposite.mean, 1)
    ranks = spearman_within(scores, judgements, groups, num_resamples=50)
    assert is_in_order(ranks, -1, 1)
    back = spearman_within(scores, -judgements, groups, num_resamples=50)
    np.testing.assert_allclose(back.mean, -ranks.mean, atol=1e-12)


@given(judged)
def test_for_one_prompt_and_two_kinds_pairs_and_areas_agree(
    data: tuple[Floats, Floats, Floats],
) -> None:
    scores, judgements, _ = data
    judgements, groups = (judgements > 0).astype(np.float64), np.zeros(len(judgements))
    area = judgement_auc(scores, judgements, groups, num_resamples=50)
    accuracy = pair_accuracy(scores, judgements, groups, num_resamples=50)
    np.testing.assert_allclose(area.mean, accuracy.mean)


@given(judged)
def test_the_order_of_items_does_not_count(data: tuple[Floats, Floats, Floats]) -> None:
    scores, judgements, groups = data
    order = np.argsort(scores, kind="stable")[::-1]
    for measure in (pair_accuracy, spearman_within):
        found = measure(scores, judgements, groups, num_resamples=50)
        again = measure(scores[order], judgements[order], groups[order], num_resamples=50)
        np.testing.assert_allclose(again.mean, found.mean, atol=1e-12)
        assert again.num == found.num
