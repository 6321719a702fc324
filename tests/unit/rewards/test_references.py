"""Several references a prompt, with rewards made by hand and with our own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from rlsr.config import RunConfig, config_from_table
from rlsr.data import PromptRecord
from rlsr.data.record import Message
from rlsr.rewards import FormulaResult, Part, Reward, RewardBatch, RewardResult, open_reward
from rlsr.rewards.references import OverReferences

NAN = float("nan")
SCORES = {"near": 0.9, "far": 0.1, "none": NAN, "twin": 0.9}


class ByReference(Reward):
    """Scores a response by what its reference says; remembers what it was asked."""

    parts = (Part("size", "Size"),)

    def __init__(self, scores: Mapping[str, float] = SCORES) -> None:
        self._scores = scores
        self.batches: list[RewardBatch] = []
        self.is_closed = False

    def score(self, batch: RewardBatch) -> RewardResult:
        self.batches.append(batch)
        found = np.array([self._scores[one] for one in batch.references], dtype=np.float64)
        sizes = np.array([len(one) for one in batch.references], dtype=np.float64)
        return RewardResult(
            found, {"size": sizes}, {"reward": found / 2}, {"reference": batch.references}
        )

    def close(self) -> None:
        self.is_closed = True


def record(*references: str) -> PromptRecord:
    first, *others = references
    return PromptRecord("id", (Message("user", "Q"),), first, "f:1", other_references=tuple(others))


def score(
    combine: Literal["best", "mean"], *references: Sequence[str], reward: Reward | None = None
) -> RewardResult:
    batch = RewardBatch([record(*one) for one in references], ["r"] * len(references))
    return OverReferences(reward or ByReference(), combine).score(batch)


def test_the_best_reference_is_chosen_with_all_that_is_said_of_it() -> None:
    result = score("best", ["far", "near"], ["none", "far"], ["none", "none"], ["far"])
    assert result.scores == pytest.approx([0.9, 0.1, NAN, 0.1], nan_ok=True)
    assert result.components["size"].tolist() == [4, 3, 4, 3]
    assert result.heldout["reward"] == pytest.approx([0.45, 0.05, NAN, 0.05], nan_ok=True)
    assert result.texts["reference"] == ["near", "far", "none", "far"]


def test_the_mean_leaves_out_what_was_not_scored() -> None:
    result = score("mean", ["far", "near"], ["none", "far"], ["none", "none"], ["far"])
    assert result.scores == pytest.approx([0.5, 0.1, NAN, 0.1], nan_ok=True)
    assert result.components["size"] == pytest.approx([3.5, 3, 4, 3])
    assert result.heldout["reward"] == pytest.approx([0.25, 0.05, NAN, 0.05], nan_ok=True)
    assert result.texts["reference"] == ["near", "far", "none", "far"]


def test_of_equal_scores_the_one_that_is_closest_before_the_rules() -> None:
    class Punished(ByReference):
        def score(self, batch: RewardBatch) -> RewardResult:
            result = super().score(batch)
            return replace(result, scores=np.full(len(batch), -1.0))

    result = score("best", ["far", "near", "twin"], reward=Punished())
    assert result.scores.tolist() == [-1]
    assert result.heldout["reward"].tolist() == [0.45]
    assert result.texts["reference"] == ["near"]


def test_one_reference_is_asked_as_without() -> None:
    reward = ByReference()
    batch = RewardBatch([record("near"), record("far")], ["a", "b"], [True, None], [[1], [2, 3]])
    OverReferences(reward, "mean").score(batch)
    assert reward.batches == [batch]
    assert len(OverReferences(reward, "best").score(RewardBatch([], [])).scores) == 0


def test_every_reference_stands_first_once_and_the_others_stay_behind_it() -> None:
    reward = ByReference()
    batch = RewardBatch([record("near", "far", "twin")], ["a"], [True], [[1]])
    OverReferences(reward, "best").score(batch)
    (asked,) = reward.batches
    assert [one.references for one in asked.records] == [
        ("near", "far", "twin"), ("far", "near", "twin"), ("twin", "near", "far"),
    ]  # fmt: skip
    assert (list(asked.responses), list(asked.ended), asked.tokens) == (
        ["a"] * 3, [True] * 3, [[1]] * 3,
    )  # fmt: skip


def test_what_stands_around_the_reward_is_the_rewards() -> None:
    reward = ByReference()
    around = OverReferences(reward, "best")
    assert around.parts == reward.parts
    around.close()
    assert reward.is_closed


def config(combine: str, **reward: object) -> RunConfig:
    return config_from_table(
        {"reward": {"references": combine, **reward}, "evaluation": {"independent_embedding": None}}
    )


def test_a_passage_may_be_as_long_as_the_longest_reference_allows() -> None:
    passage = "the sun and the moon "
    rule = {"min_characters": 5, "min_reference_share": 0.5}
    short, long = record("the sun"), record("the sun", "the moon " * 8)
    for combine in ("best", "mean"):
        reward = open_reward(config(combine, repetition=rule), "cpu", keep=False)
        result = reward.score(RewardBatch([short, long], [passage * 2, passage * 2]))
        assert result.components["repeated"].tolist() == [1, 0]
        assert result.scores[0] == -1
        assert result.scores[1] > 0


@pytest.mark.parametrize("combine", ["best", "mean"])
def test_formulas_have_several_references_too(combine: str) -> None:
    reward = open_reward(config(combine, type="logic"), "cpu", keep=False)
    records = [record("∃x (Dog(x))", "∀x (Cat(x))", "no formula"), record("no formula", "(")]
    result = reward.score(RewardBatch(records, ["∀y (Cat(y))", "∀y (Cat(y))"]))
    assert np.isnan(result.scores[1])
    assert result.components["unparsable_reference"].tolist() == [0, 1]
    assert result.scores[0] == 1 if combine == "best" else -1 < result.scores[0] < 1
    assert isinstance(result, FormulaResult)
    assert [None in pair for pair in result.pairs] == [False, True]
