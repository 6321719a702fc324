"""The reward as TRL calls it, with a reward made by hand."""

import json

import numpy as np
import pytest

from rlsr.config import RunConfig
from rlsr.config.method import AdvantageConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.engines.rollout import Rollout, rollout_metrics, sample_rows
from rlsr.engines.trl.reward_function import RewardFunction
from rlsr.methods import group_advantages
from rlsr.rewards import Part, Reward, RewardBatch, RewardResult, reward_kind

NAN = float("nan")

RECORDS = (
    PromptRecord("1", (Message("user", "First?"),), "12345", "f:1"),
    PromptRecord("2", (Message("system", "S"), Message("user", "Second?")), "123", "f:2"),
)


PARTS = reward_kind(RunConfig()).parts(RunConfig())


class FixedReward(Reward):
    """Gives scores that were written down; remembers what it was asked."""

    def __init__(self, scores: list[float]) -> None:
        self._scores = scores
        self.batches: list[RewardBatch] = []

    @property
    def parts(self) -> tuple[Part, ...]:
        return PARTS

    def score(self, batch: RewardBatch) -> RewardResult:
        self.batches.append(batch)
        return result(self._scores)


def result(scores: list[float], **components: list[float]) -> RewardResult:
    zeros = [0.0] * len(scores)
    parts = {
        "similarity": scores, "repeated": zeros, "empty": zeros, "truncated": zeros, **components
    }  # fmt: skip
    return RewardResult(np.array(scores), {name: np.array(part) for name, part in parts.items()})


def rollout(scores: list[float], **components: list[float]) -> Rollout:
    count = len(scores)
    return Rollout(
        records=tuple(RECORDS[place * 2 // count] for place in range(count)),
        responses=tuple("x" * place for place in range(count)),
        num_tokens=tuple(range(count)),
        ended=(True,) * count,
        result=result(scores, **components),
    )


def call(function: RewardFunction, logged: dict[str, float]) -> list[float | None]:
    texts = ["one", "two", "", "four"]
    return function(
        prompts=["ignored"] * 4,
        completions=[[{"role": "assistant", "content": text}] for text in texts],
        completion_ids=[[1, 2], [3], [], [4, 5, 6]],
        record=[1, 1, 0, 0],
        log_metric=logged.__setitem__,
        trainer_state=None,
    )


def test_the_reward_gets_the_whole_rollout_with_prompts_and_references() -> None:
    reward = FixedReward([0.1, 0.2, 0.3, 0.4])
    function = RewardFunction(reward, RECORDS)
    assert call(function, {}) == [0.1, 0.2, 0.3, 0.4]
    (batch,) = reward.batches
    assert list(batch.prompts) == ["system: S\n\nuser: Second?"] * 2 + ["First?"] * 2
    assert list(batch.responses) == ["one", "two", "", "four"]
    assert list(batch.references) == ["123", "123", "12345", "12345"]


def test_an_unscored_response_is_none_for_trl_and_never_zero() -> None:
    scores = call(RewardFunction(FixedReward([NAN, 0.0, -1.0, NAN]), RECORDS), {})
    assert scores == [None, 0.0, -1.0, None]
    assert all(type(score) in {float, type(None)} for score in scores)


def test_a_response_without_content_is_empty() -> None:
    reward = FixedReward([0.5])
    function = RewardFunction(reward, RECORDS)
    function(
        completions=[[{"role": "assistant", "content": None}]],
        completion_ids=[[1]],
        record=[0],
        log_metric=lambda name, value: None,
    )
    assert list(reward.batches[0].responses) == [""]


def test_the_last_rollout_is_remembered_and_its_metrics_are_logged() -> None:
    function = RewardFunction(FixedReward([NAN, 0.5, -1.0, 0.0]), RECORDS)
    with pytest.raises(AssertionError, match="no rollout was scored yet"):
        _ = function.last
    logged: dict[str, float] = {}
    call(function, logged)
    assert function.last.records == (RECORDS[1], RECORDS[1], RECORDS[0], RECORDS[0])
    assert function.last.responses == ("one", "two", "", "four")
    assert function.last.num_tokens == (2, 1, 0, 3)
    assert logged == pytest.approx(rollout_metrics(function.last, PARTS), nan_ok=True)
    assert function.__name__ == "reward"


def test_metrics_are_means_that_leave_out_what_was_not_scored() -> None:
    found = rollout_metrics(
        rollout(
            [NAN, 0.5, -1.0, NAN],
            similarity=[NAN, 0.5, 0.9, NAN],
            repeated=[0.0, 0.0, 1.0, 0.0],
            empty=[0.0, 1.0, 0.0, 1.0],
            truncated=[1.0, 1.0, 1.0, 0.0],
        ),
        PARTS,
    )
    assert found == pytest.approx(
        {
            "reward/similarity": 0.7,
            "reward/share_repeated": 0.25,
            "reward/share_empty": 0.5,
            "reward/share_cut_by_encoder": 0.75,
            "reward/num_unscored": 2,
            # Of 0.5 and -1, the two that were scored.
            "reward/p05": -0.925,
            "reward/p25": -0.625,
            "reward/p50": -0.25,
            "reward/p75": 0.125,
            "reward/p95": 0.425,
            "length/response": 1.5,
            "length/reference": 4.0,
            "reward/share_unscored": 0.5,
            # Of nothing, x, xx and xxx, in groups of two.
            "text/longest_repeat": (0 + 0 + 1 / 2 + 2 / 3) / 4,
            "text/share_repetitive": 0.0,
            "text/share_copied": 0.0,
            "text/share_alike": NAN,
            "text/share_alike_across": NAN,
            "text/overlap": 0.0,
        },
        nan_ok=True,
    )


def test_the_parts_of_a_blend_are_logged_where_there_are_some() -> None:
    found = rollout_metrics(rollout(
            [0.5, NAN], similarity=[0.5, NAN], cosine=[0.75, NAN], overlap=[0.25, 1.0], numbers=[NAN, NAN]
        ),
        PARTS,
    )  # fmt: skip
    assert (found["reward/cosine"], found["reward/overlap"]) == (0.75, 0.625)
    assert np.isnan(found["reward/numbers"])
    names = {"reward/cosine", "reward/overlap", "reward/numbers"}
    assert names.isdisjoint(rollout_metrics(rollout([0.5, NAN]), PARTS))


def test_the_mean_of_nothing_is_nan_without_a_warning() -> None:
    found = rollout_metrics(rollout([NAN, NAN]), PARTS)
    assert np.isnan(found["reward/similarity"])
    assert np.isnan(found["reward/p50"])
    assert found["reward/num_unscored"] == 2


def test_samples_are_the_first_groups_with_what_they_taught() -> None:
    made = rollout([0.1, 0.3, NAN, 0.4])
    advantages = group_advantages(made.result.scores, 2, AdvantageConfig(scale="none"))
    rows = sample_rows(made, advantages, num_generations=2, num_groups=2)
    assert [row["id"] for row in rows] == ["1", "1", "2", "2"]
    assert [row["reward"] for row in rows] == pytest.approx([0.1, 0.3, NAN, 0.4], nan_ok=True)
    assert [row["advantage"] for row in rows] == pytest.approx([-0.1, 0.1, 0, 0])
    assert (rows[1]["prompt"], rows[1]["reference"]) == ("First?", "12345")
    assert (rows[3]["response"], rows[3]["num_tokens"]) == ("xxx", 3)
    assert {"similarity", "repeated", "empty", "truncated"} <= set(rows[0])
    json.dumps(rows)


@pytest.mark.parametrize(("num_groups", "count"), [(0, 0), (1, 2), (2, 4), (9, 4)])
def test_no_more_samples_than_asked_for_and_than_there_are(num_groups: int, count: int) -> None:
    made = rollout([0.1, 0.3, 0.2, 0.4])
    advantages = group_advantages(made.result.scores, 2, AdvantageConfig())
    assert len(sample_rows(made, advantages, 2, num_groups)) == count
