"""Which measurement is the best, by an oracle that sorts, and how it is said."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rlsr.runs.validation import (
    MEASURES,
    Measurement,
    best_measurement,
    kept_in_words,
    measurements,
    num_without_gain,
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


def test_it_is_said_which_weights_were_kept() -> None:
    def said(best: Measurement | None) -> str:
        return kept_in_words(best, metric="reward", num_prompts=32, num_steps=55)

    assert said(Measurement(30, 0.58421)) == (
        "the weights after step 30 of 55, the best by reward on 32 validation prompts (0.5842)"
    )
    assert said(Measurement(0, 0.5)) == (
        "the policy that training began with: after none of 55 steps was the reward on 32 validation prompts better than 0.5"
    )
    assert said(None) == (
        "the weights after the last of 55 steps, since the reward on 32 validation prompts could not be scored"
    )
