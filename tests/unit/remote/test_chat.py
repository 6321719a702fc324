"""The client of chat models: what it keeps, what it counts, where it ends, and that nothing of many requests is lost."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from judge_server import Failure, FirstTokens, JudgeServer, in_turn, judge_server, question_of
from rlsr.config.remote import ChatEndpoint
from rlsr.errors import BudgetError, RemoteError
from rlsr.remote import ChatClient
from rlsr.remote.kept_answers import num_to_ask, total_tokens
from rlsr.remote.spending import FILE, Spent, spending_in
from rlsr.runs import cache_directory

AFTERWARDS = "go on with --resume"


def endpoint(server: JudgeServer, **settings: Any) -> ChatEndpoint:
    table = {"url": server.url, "model": "m", "retries": 0, **settings}
    return ChatEndpoint.model_validate(table)


def client(server: JudgeServer, **settings: Any) -> ChatClient:
    return ChatClient(endpoint(server, **settings), "reward.endpoint", AFTERWARDS)


def ask(text: str, **further: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **further}


def echo(question: str) -> str:
    return f"about {question}"


def texts(client: ChatClient, *questions: str, **further: Any) -> list[str | None]:
    return [answer.text for answer in client.ask([ask(text, **further) for text in questions])]


@pytest.mark.parametrize(
    ("rule", "temperature", "num_asked"),
    [
        ("at_temperature_0", 0, 1),
        ("at_temperature_0", 0.0, 1),
        ("at_temperature_0", 0.5, 3),
        ("at_temperature_0", None, 3),
        ("always", 0.5, 1),
        ("never", 0, 3),
    ],
)
def test_what_is_kept_is_not_asked_again(
    rule: str, temperature: float | None, num_asked: int
) -> None:
    with judge_server(verdict=echo) as server:
        for _ in range(3):
            # A new client is another process.
            asked = client(server, keep_answers=rule)
            assert texts(asked, "a", temperature=temperature) == ["about a"]
    assert len(server.requests) == num_asked


def test_every_difference_is_another_question() -> None:
    with judge_server(verdict=echo) as server:
        for settings, further in (
            ({}, {}), ({}, {"max_tokens": 3}), ({}, {"seed": 1}), ({"model": "n"}, {}),
        ):  # fmt: skip
            texts(client(server, **settings), "a", **further)
        texts(client(server), "b")
        assert len(server.requests) == 5
        # How it is asked is none.
        texts(client(server, retries=2, concurrency=1, timeout_s=3), "a", "b")
    assert len(server.requests) == 5


def test_equal_questions_of_one_call_are_asked_once() -> None:
    with judge_server(verdict=echo) as server, spending_in(None) as account:
        found = texts(client(server), "a", "b", "a", "a", temperature=1)
    assert found == ["about a", "about b", "about a", "about a"]
    assert account.total() == Spent(calls=2, tokens=200, cached=2)


def test_a_request_that_failed_is_asked_again_the_next_time() -> None:
    once = Failure(500, "down")
    with judge_server(lambda _, before: once if before == 0 else None, echo) as server:
        assert texts(client(server), "a") == [None]
        assert texts(client(server), "a") == ["about a"]


def test_a_damaged_answer_is_asked_again() -> None:
    with judge_server(verdict=echo) as server:
        asked = client(server)
        texts(asked, "a", "b")
        file = asked._kept._file
        assert file is not None
        for value in (b"{", b"[1]", b'{"text": 3}', b'{"words": "a"}', b"\xff"):
            file.forget([json.dumps(ask("a"), sort_keys=True)])
            file.write({json.dumps(ask("a"), sort_keys=True): value})
            assert texts(client(server), "a") == ["about a"]
    assert server.times == {"a": 6, "b": 1}


def test_what_was_cut_says_so_from_the_cache_too() -> None:
    with judge_server(lambda *_: Failure(is_cut=True), echo) as server:
        for _ in range(2):
            (answer,) = client(server).ask([ask("abcd")])
            assert (answer.text, answer.is_cut) == ("about", True)
    assert len(server.requests) == 1


def test_probabilities_of_the_first_token_are_read_and_kept() -> None:
    likely = FirstTokens({"m": -0.25, "M": -1.5})
    with judge_server(verdict=lambda _: likely) as server:
        for _ in range(2):
            (answer,) = client(server).ask([ask("a", logprobs=True)])
            assert (answer.text, answer.first_tokens) == ("m", {"m": -0.25, "M": -1.5})
        assert len(server.requests) == 1
    with judge_server(verdict=echo) as server:
        (answer,) = client(server).ask([ask("a", logprobs=True)])
        assert answer.first_tokens is None


@pytest.mark.parametrize(
    "logprobs", [None, 3, {"content": None}, {"content": []}, {"content": [{}]}, {"content": [{"top_logprobs": [{"token": "m"}]}]},
                 {"content": [{"top_logprobs": [{"token": "m", "logprob": "x"}]}]}, {"content": [{"top_logprobs": []}]}]
)  # fmt: skip
def test_probabilities_of_another_form_are_none(logprobs: object) -> None:
    choice = {"message": {"content": "m"}, "logprobs": logprobs}
    body = json.dumps({"choices": [choice]})
    with judge_server(lambda *_: Failure(body=body)) as server:
        (answer,) = client(server).ask([ask("a")])
    assert (answer.text, answer.first_tokens) == ("m", None)


def test_what_will_be_asked_is_known_before() -> None:
    with judge_server(verdict=echo) as server:
        bodies = [ask(text) for text in ("a", "b", "a", "c")]
        directory, config = cache_directory("answers"), endpoint(server)
        assert num_to_ask(bodies, directory, config) == 3
        texts(client(server), "a")
        assert num_to_ask(bodies, directory, config) == 2
        never = endpoint(server, keep_answers="never")
        assert num_to_ask(bodies, directory, never) == 3


@pytest.mark.parametrize("concurrency", [1, 8])
def test_no_more_calls_are_made_than_the_budget_allows(concurrency: int, tmp_path: Path) -> None:
    questions = [f"q{number}" for number in range(20)]
    budget = {"calls": 7}
    with judge_server(verdict=echo) as server:
        with spending_in(tmp_path), pytest.raises(BudgetError):
            texts(client(server, budget=budget, concurrency=concurrency), *questions)
        # As another process would.
        with spending_in(tmp_path), pytest.raises(BudgetError) as caught:
            texts(client(server, budget=budget, concurrency=concurrency), *questions)
        assert len(server.requests) == 7
        assert str(caught.value) == (
            f"reward.endpoint.budget.calls: the budget is used up at {server.url} (7 calls, 700 tokens, and 7 answers that were "
            "kept from before); raise it, as in reward.endpoint.budget.calls=14, then go on with --resume"
        )
        assert caught.value.way_out == "reward.endpoint.budget.calls=14"
        with spending_in(tmp_path) as account:
            larger = client(server, budget={"calls": 20}, concurrency=concurrency)
            assert texts(larger, *questions) == [echo(question) for question in questions]
            assert account.spent("reward.endpoint").calls == 20
    assert max(server.times.values()) == 1, "what was paid for is kept"


def test_what_is_known_costs_nothing_where_nothing_is_left(tmp_path: Path) -> None:
    with judge_server(verdict=echo) as server, spending_in(tmp_path):
        asked = client(server, budget={"calls": 1})
        assert texts(asked, "a") == texts(asked, "a") == ["about a"]
        with pytest.raises(BudgetError):
            texts(asked, "a", "b")


def test_tokens_are_passed_by_what_is_under_way_at_most(tmp_path: Path) -> None:
    with (
        judge_server(verdict=echo, tokens_per_call=100) as server,
        spending_in(tmp_path) as account,
    ):
        asked = client(server, budget={"tokens": 1000}, concurrency=4)
        with pytest.raises(BudgetError) as caught:
            texts(asked, *(f"q{number}" for number in range(40)))
    assert caught.value.way_out == "reward.endpoint.budget.tokens=2000"
    assert 1000 <= account.total().tokens <= 1000 + 3 * 100
    assert account.total().tokens == 100 * len(server.requests)


def test_tokens_that_nobody_counts_have_no_budget() -> None:
    with judge_server(verdict=echo, tokens_per_call=None) as server:
        assert texts(client(server), "a") == ["about a"]
        with pytest.raises(RemoteError) as caught:
            texts(client(server, budget={"tokens": 10}), "b")
    assert "reward.endpoint.budget.tokens: tokens must be counted by the server, and are not" in str(caught.value)  # fmt: skip
    assert "set budget.calls in its place" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"usage": {"total_tokens": 7}}, 7),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, 7),
        ({"usage": {"prompt_tokens": 3}}, None),
        ({"usage": {"total_tokens": -1}}, None),
        ({"usage": {"total_tokens": "7"}}, None),
        ({"usage": None}, None),
        ({}, None),
        ([], None),
    ],
)
def test_tokens_of_a_reply(reply: Any, expected: int | None) -> None:
    assert total_tokens(reply) == expected


def test_servers_have_an_account_each(tmp_path: Path) -> None:
    with judge_server(verdict=echo) as server, spending_in(tmp_path) as account:
        config = endpoint(server, budget={"calls": 1}, keep_answers="never")
        for place in ("reward.endpoint", "reward.translator"):
            assert texts(ChatClient(config, place, AFTERWARDS), "a") == ["about a"]
        assert account.total().calls == 2
        with pytest.raises(BudgetError, match=r"reward\.translator\.budget\.calls"):
            texts(ChatClient(config, "reward.translator", AFTERWARDS), "a")
    assert (tmp_path / FILE).is_file()


def test_outside_of_runs_a_client_counts_for_itself() -> None:
    with judge_server(verdict=echo) as server:
        for _ in range(2):
            asked = client(server, budget={"calls": 2}, keep_answers="never")
            texts(asked, "a", "b")
            with pytest.raises(BudgetError):
                texts(asked, "c")


WAYS = (
    None,
    Failure(delay_s=0.05),
    Failure(429, "slow down", {"Retry-After": "0"}),
    Failure(500, "oh"),
    Failure(503, "busy", times=2),
    None,
    Failure(200, '{"choices": [', times=9),
    Failure(200, '{"choices": []}', times=9),
    Failure(200, "<html>", times=9),
    Failure(400, "too long", times=9),
    Failure(is_cut=True, times=9),
    Failure(500, "for good", times=9),
)
"""How requests fail: the first six answer in the end."""


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_of_many_requests_none_is_lost_or_mixed_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    caplog.set_level(logging.ERROR)  # urllib3 tells of every retry
    questions = [f"question {number}" for number in range(1000, 1000 + count)]
    plan = in_turn(WAYS)
    with judge_server(plan, echo) as server, spending_in(tmp_path) as account:
        asked = client(server, retries=2, concurrency=32)
        found = asked.ask([ask(question) for question in questions])
        ways = [WAYS[sum(question.encode()) % len(WAYS)] for question in questions]
        for question, way, answer in zip(questions, ways, found, strict=True):
            fails = way is not None and way.times > 2 and not way.is_cut
            if fails:
                assert answer.text is None, question
                assert answer.cause, question
            elif way is not None and way.is_cut:
                assert answer.is_cut, question
                assert answer.text == echo(question)[: len(echo(question)) // 2]
            else:
                assert (answer.text, answer.is_cut) == (echo(question), False)
        assert account.total().calls == count
        assert {question_of(request) for request in server.requests} == set(questions)
        sent = len(server.requests)
        # What was answered is kept, and what failed is asked again.
        again = asked.ask([ask(question) for question in questions])
    assert [answer.text for answer in again] == [answer.text for answer in found]
    num_failed = sum(answer.text is None for answer in found)
    assert 0.3 < num_failed / count < 0.5
    assert account.total().calls == count + num_failed
    assert account.total().cached == count - num_failed
    assert len(server.requests) < 2 * sent


def test_a_server_says_how_long_to_wait() -> None:
    wait = Failure(429, "slow down", {"Retry-After": "1"})
    with judge_server(lambda _, before: None if before else wait, echo) as server:
        started = time.perf_counter()
        assert texts(client(server, retries=1), "a") == ["about a"]
    assert time.perf_counter() - started >= 1
