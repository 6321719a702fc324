"""Which measurement is the best, by an oracle that sorts, which is kept, and how it is said."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from rlsr.runs.validation import (
    MEASURES,
    Measurement,
    best_measurement,
    kept_in_words,
    kept_measurement,
    measurements,
    num_without_gain,
    standard_errors_behind,
)

VALUES = st.lists(st.none() | st.sampled_from([math.nan, 0.0, 0.5, 1.0]) | st.floats(-1, 1))
METRICS = st.sampled_from(sorted(MEASURES))
LOSSES = {"nll", "pair_loss"}


def rows(values: list[float | None], metric: str) -> list[dict[str, Any]]:
    """A row a step; None is a step that was not measured."""
    column = MEASURES[metric].column
    return [
        {"step": step, **({} if value is None else {column: value})}
        for step, value in enumerate(values)
    ]


@given(VALUES, METRICS)
def test_the_best_is_the_first_of_the_best_scored(values: list[float | None], metric: str) -> None:
    sign = 1 if metric in LOSSES else -1
    scored = [
        (sign * value, step)
        for step, value in enumerate(values)
        if value is not None and not math.isnan(value)
    ]
    best = best_measurement(rows(values, metric), metric)
    if not scored:
        assert best is None
        return
    value, step = min(scored)
    assert best == Measurement(step, sign * value)


@given(VALUES, METRICS, st.integers(1, 5))
def test_patience_counts_as_if_the_last_ones_were_compared_with_those_before(
    values: list[float | None], metric: str, patience: int
) -> None:
    sign = -1 if metric in LOSSES else 1
    found = [sign * one.value for one in measurements(rows(values, metric), metric)]
    ends = len(found) > patience and max(found[-patience:]) <= max(found[:-patience])
    assert (num_without_gain(rows(values, metric), metric) >= patience) == ends


def test_a_prefix_of_the_rows_has_the_best_of_then() -> None:
    table = rows([0.1, 0.4, None, 0.2, 0.6], "reward")
    assert [best_measurement(table[:end], "reward") for end in (1, 2, 4, 5)] == [
        Measurement(0, 0.1), Measurement(1, 0.4), Measurement(1, 0.4), Measurement(4, 0.6),
    ]  # fmt: skip


PROMPTS = st.lists(st.tuples(*[st.floats(-1, 1) | st.just(math.nan)] * 2), max_size=9)


@given(PROMPTS, st.booleans())
def test_how_far_behind_is_the_statistic_of_the_paired_test(
    pairs: list[tuple[float, float]], lower: bool
) -> None:
    values, best = np.array(pairs).reshape(-1, 2).T
    differences = (values - best if lower else best - values)[~np.isnan(values + best)]
    assume(len(differences) < 2 or np.ptp(differences) > 1e-6)
    found = standard_errors_behind(values, best, lower_is_better=lower)
    if len(differences) < 2:
        assert found is None
    else:
        assert found == pytest.approx(stats.ttest_1samp(differences, 0).statistic, abs=1e-6)


def test_without_chance_nothing_is_said_but_of_equals() -> None:
    values = np.array([0.5, 0.25, 0.75])
    assert standard_errors_behind(values, values, lower_is_better=False) == 0
    assert standard_errors_behind(values, values + 0.5, lower_is_better=False) is None
    assert standard_errors_behind(values, values[:2], lower_is_better=False) is None


def kept(values: list[float], behind: list[float | None], tolerance: float) -> int:
    table = [
        row | ({} if errors is None else {"validation/behind": errors})
        for row, errors in zip(rows([*values], "reward"), behind, strict=True)
    ]
    found = kept_measurement(table, "reward", tolerance)
    assert found is not None
    assert found.value == values[found.step]
    return found.step


def test_the_latest_that_is_as_good_as_the_best_is_kept() -> None:
    values, behind = [0.1, 0.5, 0.48, 0.3, 0.49, 0.2], [None, -3.0, 0.8, 2.5, 0.4, 1.1]
    assert kept(values, behind, 1.0) == 4
    assert [kept(values[:end], behind[:end], 1.0) for end in (1, 2, 3, 4)] == [0, 1, 2, 2]
    assert kept(values, behind, 2.0) == 5
    assert kept(values, behind, 0.0) == 1, "the best itself"
    assert kept(values, [None] * 6, 1.0) == 1, "nothing is known of chance"


@given(VALUES, METRICS)
def test_without_tolerance_the_best_is_kept(values: list[float | None], metric: str) -> None:
    table = [{**row, "validation/behind": 0.0} for row in rows(values, metric)]
    assert kept_measurement(table, metric, 0.0) == best_measurement(table, metric)


def test_it_is_said_which_weights_were_kept() -> None:
    def said(kept: Measurement | None, best: Measurement | None = None) -> str:
        return kept_in_words(kept, best or kept, metric="reward", num_prompts=32, num_steps=55)

    assert said(Measurement(40, 0.57), Measurement(30, 0.58421)) == (
        "the weights after step 40 of 55, the latest that chance does not tell from the best by reward on 32 validation prompts (0.57, "
        "the best 0.5842 after step 30)"
    )
    assert said(Measurement(30, 0.58421)) == (
        "the weights after step 30 of 55, the best by reward on 32 validation prompts (0.5842)"
    )
    assert said(Measurement(0, 0.5)) == (
        "the policy that training began with: after none of 55 steps was the reward on 32 validation prompts better than 0.5"
    )
    assert said(None) == (
        "the weights after the last of 55 steps, since the reward on 32 validation prompts could not be scored"
    )
