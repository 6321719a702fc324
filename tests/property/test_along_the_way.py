"""Each share of a budget is reached after one step, however a budget is made and whatever stages share it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import RunConfig, load_config
from rlsr.engines.along_the_way import PlaceInPipeline, evaluates_after, share_done
from rlsr.runs.step_totals import Spent

# In eighths, which add up exactly in any order.
EIGHTHS = st.integers(1, 80).map(lambda eighths: eighths / 8)
SECONDS = st.lists(EIGHTHS, min_size=1, max_size=12)
SHARES = st.lists(st.floats(0.01, 0.99), max_size=4)
STAGES = st.lists(SECONDS, min_size=1, max_size=3)


def config(shares: list[float], **limits: dict[str, float]) -> RunConfig:
    table = load_config().model_dump()
    table["evaluation"]["during"] = shares
    for name, values in limits.items():
        table[name] |= values
    return RunConfig.model_validate(table)


def rows(seconds: list[float], *, validated: float = 0.0) -> list[dict[str, Any]]:
    before = [{"step": 0, "time/validation": validated}] if validated else []
    return [
        *before,
        *({"step": step, "time/step": took} for step, took in enumerate(seconds, start=1)),
    ]


def due(steps: list[dict[str, Any]], own: RunConfig, place: PlaceInPipeline, num: int) -> list[int]:
    return [
        row["step"]
        for end, row in enumerate(steps, start=1)
        if row["step"] and evaluates_after(steps[:end], own, place, num)
    ]


@given(STAGES, SHARES, st.just(0.0) | EIGHTHS)
def test_shares_of_one_budget_for_all_stages(
    stages: list[list[float]], shares: list[float], validated: float
) -> None:
    budget = sum(map(sum, stages)) + validated
    own = config(shares, pipeline={"max_seconds": budget})
    found, spent = [], 0.0
    reached: set[tuple[int, int]] = set()
    for number, seconds in enumerate(stages):
        steps = rows(seconds, validated=0.0 if number else validated)
        place = PlaceInPipeline(earlier=Spent(seconds=spent))
        found += [(number, step) for step in due(steps, own, place, len(seconds))]
        for row in steps:
            was = spent / budget if row["step"] != 1 or number else 0.0
            spent += row.get("time/step", 0.0) + row.get("time/validation", 0.0)
            if row["step"] and any(was < share <= spent / budget for share in shares):
                reached.add((number, row["step"]))
    assert len(found) == len(set(found)) <= len(shares)
    assert sorted(reached) == sorted(found)


@given(SHARES, st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_shares_of_the_steps_of_all_stages(shares: list[float], sizes: list[int]) -> None:
    own, total = config(shares), sum(sizes)
    found = []
    for number, size in enumerate(sizes):
        begins, ends = sum(sizes[:number]) / total, sum(sizes[: number + 1]) / total
        place = PlaceInPipeline(begins=begins, ends=ends)
        steps = rows([1.0] * size)
        assert share_done((), own, place, size) == pytest.approx(begins)
        assert share_done(steps, own, place, size) == pytest.approx(ends)
        found += due(steps, own, place, size)
    assert len(found) <= len(shares)
    assert bool(found) == bool(shares)


def test_a_budget_of_tokens_comes_before_steps_and_one_of_seconds_before_both() -> None:
    steps = [{"step": 1, "time/step": 2.0, "tokens/trained": 30.0}]
    place = PlaceInPipeline()
    assert share_done(steps, config([]), place, 10) == 0.1
    assert share_done(steps, config([], training={"max_tokens": 100}), place, 10) == 0.3
    both = {"max_tokens": 100, "max_seconds": 4.0}
    assert share_done(steps, config([], training=both), place, 10) == 0.5
    assert (
        share_done(steps, config([], training=both, pipeline={"max_seconds": 8.0}), place, 10)
        == 0.25
    )


def test_what_goes_over_its_own_budget_takes_nothing_of_the_next_stage() -> None:
    own = config([0.55], training={"max_seconds": 2.0})
    first, second = PlaceInPipeline(ends=0.5), PlaceInPipeline(begins=0.5)
    assert due(rows([1.5, 1.5]), own, first, 9) == []
    assert due(rows([0.1, 0.2]), own, second, 9) == [2]
