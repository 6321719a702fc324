"""The reward of a judge, asked of a server on this machine."""

import math
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from judge_server import Failure, JudgeServer, judge_server, score_by_rule, texts_of
from rlsr.config import RunConfig
from rlsr.config.judge import JudgeReward
from rlsr.data import PromptRecord
from rlsr.data.record import Message
from rlsr.errors import ConfigError, RemoteError
from rlsr.rewards import RewardBatch, RewardResult, open_reward, reward_kind

PROMPTS = ["Name a colour.", "Name a pet.", "Name a city.", "Name a fruit."]
RESPONSES = ["A red house", "The cat sat", "", "An apple tree"]
REFERENCES = ["Red", "A cat", "Paris", "An apple"]
BATCH = RewardBatch.of_texts(PROMPTS, RESPONSES, REFERENCES)
NAN = math.nan
CAUSES = ("unanswered", "verdict_cut", "no_verdict", "out_of_range")


def config_of(server: JudgeServer, **settings: Any) -> RunConfig:
    endpoint = {"url": server.url, "model": "m", "retries": 0, **settings.pop("endpoint", {})}
    return RunConfig(reward=JudgeReward.model_validate({"endpoint": endpoint, **settings}))


def score(server: JudgeServer, batch: RewardBatch = BATCH, **settings: Any) -> RewardResult:
    with closing(open_reward(config_of(server, **settings), "cpu")) as reward:
        result = reward.score(batch)
        assert {part.name for part in reward.parts} == set(result.components)
    return result


def about(place: int, question: str) -> bool:
    return PROMPTS[place] in question


def test_a_score_becomes_a_reward_from_0_to_1() -> None:
    with judge_server() as server:
        result = score(server)
    expected = [score_by_rule(*pair) for pair in zip(RESPONSES, REFERENCES, strict=True)]
    expected[2] = NAN
    np.testing.assert_allclose(result.components["judged"], expected)
    np.testing.assert_allclose(result.scores, np.nan_to_num(np.array(expected)) / 10)
    assert len(server.requests) == 3, "nothing is asked about an empty response"
    assert result.components["empty"].tolist() == [0, 0, 1, 0]
    assert result.texts["verdict"][2] is None
    assert str(result.texts["verdict"][0]).startswith('{"reasons": "by rule"')


@pytest.mark.parametrize(
    ("range_", "said", "expected"),
    [((0, 10), 5, 0.5), ((1, 5), 2, 0.25), ((-1, 1), -1, 0.0), ((0.5, 1), 1, 1.0), ((1, 5), 0.5, NAN)],
)  # fmt: skip
def test_any_range(range_: tuple[float, float], said: float, expected: float) -> None:
    with judge_server(verdict=lambda _: {"score": said}) as server:
        result = score(server, BATCH.take([0]), range=range_)
    assert result.scores.tolist() == pytest.approx([expected], nan_ok=True)
    assert result.components["out_of_range"].tolist() == [float(math.isnan(expected))]


def test_without_a_reference_none_is_shown_and_none_is_asked_twice() -> None:
    record = PromptRecord("a", (Message("user", "Name it."),), "one", "f:1", other_references=("two",))  # fmt: skip
    with judge_server() as server:
        score(server, RewardBatch([record], ["it"]), against_reference=False)
        (texts,) = map(texts_of, server.questions)
        assert texts == {"prompt": "Name it.", "response": "it"}
        result = score(server, RewardBatch([record], ["two"]), references="best")
        assert result.scores.tolist() == [1.0]
        (mean,) = score(server, RewardBatch([record], ["two"])).scores
        assert mean == pytest.approx((1 + score_by_rule("two", "one") / 10) / 2)
    assert len(server.requests) == 3


SAID = {"response": {"first": 1, "second": 2}, "reference": {"first": 2, "second": 1}, "neither": {"first": 0, "second": 0}}  # fmt: skip


@pytest.mark.parametrize(
    ("in_first", "in_second", "expected", "flipped", "first_place"),
    [
        ("response", "response", 1.0, 0, 0.5),
        ("reference", "reference", 0.0, 0, 0.5),
        ("neither", "neither", 0.5, 0, 0.5),
        ("response", "reference", 0.5, 1, 1.0),
        ("reference", "response", 0.5, 1, 0.0),
        ("response", "neither", 0.75, 1, 0.75),
        ("neither", "response", 0.75, 1, 0.25),
        ("reference", "neither", 0.25, 1, 0.25),
        ("neither", "reference", 0.25, 1, 0.75),
    ],
)
def test_both_orders_are_asked_and_a_flip_is_seen(
    in_first: str, in_second: str, expected: float, flipped: int, first_place: float
) -> None:
    def verdict(question: str) -> dict[str, int]:
        is_first = texts_of(question)["answer 1"] == RESPONSES[0]
        better = SAID[in_first]["first"] if is_first else SAID[in_second]["second"]
        return {"better": better}

    with judge_server(verdict=verdict) as server:
        result = score(server, BATCH.take([0]), mode="pairwise")
    assert len(server.requests) == 2
    assert result.scores.tolist() == [expected]
    assert result.components["flipped"].tolist() == [flipped]
    assert result.components["first_place"].tolist() == [first_place]


def test_one_order_alone_is_no_verdict() -> None:
    def cut(question: str, _: int) -> Failure | None:
        swapped = texts_of(question)["answer 1"] == REFERENCES[0]
        return Failure(is_cut=True) if swapped else None

    with judge_server(cut) as server:
        result = score(server, BATCH, mode="pairwise")
    assert np.isnan(result.scores).tolist() == [True, False, False, False]
    assert result.components["verdict_cut"].tolist() == [1, 0, 0, 0]
    assert np.isnan(result.components["flipped"]).tolist() == [True, False, True, False]


@pytest.mark.parametrize("mode", ["pointwise", "pairwise"])
def test_every_cause_is_counted_and_told_apart(
    mode: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "planted-0123456789abcdef")
    rows = [0, 1, 3]

    def plan(question: str, _: int) -> Failure | None:
        if about(0, question):
            return Failure(400, "too long for planted-0123456789abcdef")
        return Failure(is_cut=True) if about(1, question) else None

    def say(question: str) -> str:
        return "I like\nplanted-0123456789abcdef" if about(3, question) else "I like my job"

    with judge_server(plan, say) as server:
        result = score(server, BATCH.take(rows), mode=mode, endpoint={"api_key_env": "JUDGE_KEY"})
    assert np.isnan(result.scores).all()
    causes = [[result.components[cause][row] for cause in CAUSES] for row in range(3)]
    assert causes == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    for words in (
        "requests that failed after all their retries; the first one: status 400, too long for [secret]",
        "answers that were cut at the longest; the first one: I like",
        "answers without a verdict; the first one: I like [secret]",
    ):
        assert words in caplog.text
    of_each, together = (1, 3) if mode == "pointwise" else (2, 6)
    assert caplog.text.count(f"{of_each} of {together} questions to the judge") == 3
    assert "planted" not in caplog.text + str(result.texts)
    assert set(server.keys) == {"Bearer planted-0123456789abcdef"}


def test_where_nothing_is_answered_the_run_ends() -> None:
    with (
        judge_server(lambda *_: Failure(500, "no model", times=99)) as server,
        pytest.raises(RemoteError) as caught,
    ):
        score(server)
    assert str(caught.value) == (
        f"reward.endpoint.url: none of 3 questions was answered at {server.url} (status 500, no model); see that the server runs, can "
        "keep up, and takes what is asked (reward.answers=text, reward.request), then go on, a run with --resume: what was "
        "answered is kept"
    )


def test_texts_that_the_server_cannot_read_do_not_end_it() -> None:
    with judge_server(lambda question, _: Failure(400, "too long") if "house" in question else None) as server:  # fmt: skip
        result = score(server, BATCH.take([0]))
    assert np.isnan(result.scores).all()


def test_nothing_is_asked_about_nothing() -> None:
    with judge_server() as server:
        assert score(server, BATCH.take([])).scores.size == 0
        assert score(server, BATCH.take([2])).scores.tolist() == [0]
    assert server.requests == []


def test_what_is_known_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with judge_server() as server:
        config = config_of(server)
        kind = reward_kind(config)
        assert kind.describe(config) == f"the score of m at {server.url}, from 0 to 10, beside the reference"  # fmt: skip
        pairwise = config_of(server, mode="pairwise", endpoint={"concurrency": 3})
        assert kind.describe(pairwise) == f"the verdict of m at {server.url} on response and reference, in both orders"  # fmt: skip
        assert kind.seen_metrics(config) == {"reward"}
        other_way = config_of(server, endpoint={"concurrency": 3, "budget": {"calls": 2}})
        assert kind.heldout_metrics(other_way) == kind.heldout_metrics(config)
        assert kind.heldout_metrics(pairwise) != kind.heldout_metrics(config)
        kind.check(config, BATCH.records)
        with pytest.raises(ConfigError, match="JUDGE_KEY must hold the key, but is not set"):
            kind.check(config_of(server, endpoint={"api_key_env": "JUDGE_KEY"}), BATCH.records)
        record = PromptRecord("a", (Message("user", "?"),), "one", "f:1", other_references=("two",))
        several = RewardBatch([record, record], ["x", " "])
        assert len(kind.questions(config, several)["reward.endpoint"]) == 2
        assert len(kind.questions(pairwise, several)["reward.endpoint"]) == 4
        assert (
            len(
                kind.questions(config_of(server, against_reference=False), several)[
                    "reward.endpoint"
                ]
            )
            == 1
        )
    assert server.requests == []
