"""Sums, products and gates hold what they promise."""

from collections import defaultdict
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rlsr.config.combined import CombinedReward
from rlsr.rewards.combination import combined, compared_within_groups, standard_scores

SCORE = st.sampled_from([float("nan"), -1.0, -0.25, 0.0, 0.5, 1.0])
GATE = st.none() | st.fixed_dictionaries(
    {"member": st.just("c"), "at_least": st.sampled_from([0.0, 0.5, 1.0]), "otherwise": st.sampled_from([-1.0, 0.0])}
)  # fmt: skip


@st.composite
def combinations(draw: st.DrawFn) -> tuple[CombinedReward, dict[str, Any]]:
    how = draw(st.sampled_from(["sum", "product"]))
    weights = st.sampled_from([0.0, 1.0] if how == "product" else [0.0, 1.0, -0.5, 2.0])
    members = {
        name: {"reward": {"type": "numeric"}, "weight": draw(weights), "gate": draw(GATE) if name != "c" else None}
        for name in "abc"
    }  # fmt: skip
    members["b"]["weight"] = 1.0
    config = CombinedReward.model_validate({"members": members, "how": how, "gate": draw(GATE)})
    num = draw(st.integers(1, 6))
    column = st.lists(SCORE, min_size=num, max_size=num).map(np.array)
    return config, {name: draw(column) for name in "abc"}


def by_hand(config: CombinedReward, row: dict[str, float]) -> float:
    """Combine the scores of one response, spelled out."""

    def behind(gate: Any, value: float) -> float:
        if gate is None:
            return value
        looked_at = row[gate.member]
        if np.isnan(looked_at):
            return float("nan")
        return value if looked_at >= gate.at_least else float(gate.otherwise)

    total = 0.0 if config.how == "sum" else 1.0
    for name, member in config.members.items():
        if member.weight == 0:
            continue
        value = behind(member.gate, row[name])
        if config.how == "sum":
            total += member.weight * value
        else:
            total *= 0.0 if value < 0 else value
    return behind(config.gate, total)


@given(combinations())
def test_a_combination_is_what_it_is_by_hand(case: tuple[CombinedReward, dict[str, Any]]) -> None:
    config, scores = case
    rows = [dict(zip(scores, row, strict=True)) for row in zip(*scores.values(), strict=True)]
    assert_allclose(combined(config, scores, scores), [by_hand(config, row) for row in rows])


GROUPED = st.lists(st.tuples(st.sampled_from([float("nan"), *np.linspace(-1, 1, 9)]), st.integers(0, 2)), min_size=1, max_size=12)  # fmt: skip


@given(GROUPED)
def test_standard_scores_are_those_of_each_group(rows: list[tuple[float, int]]) -> None:
    scores, groups = np.array([row[0] for row in rows]), [row[1] for row in rows]
    found = standard_scores(scores, groups)
    assert np.array_equal(np.isnan(found), np.isnan(scores))
    by_group = defaultdict(list)
    for score, before, group in zip(found, scores, groups, strict=True):
        if not np.isnan(score):
            by_group[group].append((score, before))
    for values in by_group.values():
        after, before = np.array(values).T
        flat = len({*before}) == 1
        assert_allclose(after.mean(), 0, atol=1e-9)
        assert_allclose(after.std(), 0 if flat else 1, atol=1e-9)
        assert_allclose(np.argsort(after, kind="stable"), np.argsort(before, kind="stable"))


@given(GROUPED, st.floats(0.5, 100), st.floats(-5, 5))
def test_the_range_of_a_member_does_not_matter(
    rows: list[tuple[float, int]], factor: float, shift: float
) -> None:
    scores, groups = np.array([row[0] for row in rows]), [row[1] for row in rows]
    config = CombinedReward.model_validate(
        {"members": {"a": {"reward": {"type": "exact"}}, "b": {"reward": {"type": "exact"}, "weight": 2}}, "normalise": "group"}
    )  # fmt: skip
    plain = compared_within_groups(config, {"a": scores, "b": scores[::-1]}, groups)
    scaled = compared_within_groups(config, {"a": scores * factor + shift, "b": scores[::-1]}, groups)  # fmt: skip
    assert_allclose(plain, scaled, atol=1e-6)
