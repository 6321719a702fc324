"""A server in this process, asked over sockets of this machine."""

import asyncio
import base64
import http.client
import importlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from embedding_server import encoder
from openrlhf_agent import openrlhf_agent
from rlsr.config import load_config
from rlsr.errors import ConfigError
from rlsr.serving import Limits
from rlsr.serving.app import Rules, make_app
from rlsr.serving.numbers import ServerNumbers
from rlsr.serving.server import Place, _server, address_of, is_loopback, listen, require_token
from rlsr.serving.service import RewardService

CODE = '''
"""Rewards the length of a response; waits, fails and leaves unscored where a response says so."""
import threading
may_go, has_begun, calls = threading.Event(), threading.Event(), []
may_go.set()

def length(completions, **_):
    texts = [one[0]["content"] for one in completions]
    calls.append(texts)
    has_begun.set()
    assert may_go.wait(30)
    return [None if text == "unscored" else float(len(text)) for text in texts]
'''
TOKEN = "a-token-that-nobody-guesses"


@dataclass
class Server:
    port: int
    service: RewardService
    code: Any

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, Any, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request("GET" if body is None else "POST", path, sent, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = answer.getheader("content-type") == "application/json"
            return answer.status, json.loads(text) if is_json else text, answer.headers

    def score(self, *responses: str) -> list[Any]:
        status, found, _ = self.ask("/v1/score", {"rows": [row(one) for one in responses]})
        assert status == 200, found
        return [one["score"] for one in found["rows"]]


def row(response: str) -> dict[str, str]:
    return {"prompt": "Why?", "response": response, "reference": "So."}


@contextmanager
def serving(limits: Limits, rules: Rules) -> Iterator[Server]:
    serving_length = importlib.import_module("serving_length")
    config = load_config(overrides=["reward={type: python, function: 'serving_length:length'}"])
    numbers = ServerNumbers()
    service = RewardService(config, limits, numbers.observe_call)
    server = _server(make_app(service, numbers, rules))
    with listen(Place(port=0)) as taken:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield Server(taken.getsockname()[1], service, serving_length)
        finally:
            serving_length.may_go.set()
            server.should_exit = True
            thread.join(30)
            service.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    directory = tmp_path_factory.mktemp("code")
    (directory / "serving_length.py").write_text(CODE, encoding="utf-8")
    sys.path.insert(0, str(directory))
    yield
    sys.path.remove(str(directory))
    sys.modules.pop("serving_length", None)


@pytest.fixture(scope="module")
def server(code: None) -> Iterator[Server]:
    rules = Rules(max_body_bytes=5_000, body_seconds=0.3)
    with serving(Limits(max_rows=8, wait_ms=1, max_waiting=8), rules) as started:
        yield started


@contextmanager
def busy(server: Server) -> Iterator[None]:
    """Keep the reward in a call, so that what is asked meanwhile waits."""
    server.code.may_go.clear()
    server.code.has_begun.clear()
    thread = threading.Thread(target=server.score, args=("busy",))
    thread.start()
    assert server.code.has_begun.wait(30)
    try:
        yield
    finally:
        server.code.may_go.set()
        thread.join(30)


def until(server: Server, num_waiting: int) -> None:
    deadline = time.monotonic() + 30
    while server.service.num_waiting != num_waiting and time.monotonic() < deadline:
        time.sleep(0.002)
    assert server.service.num_waiting == num_waiting


def test_responses_are_scored_and_unscored_is_null(server: Server) -> None:
    assert server.score("four", "unscored", "") == [4.0, None, 0.0]
    assert server.score() == []
    status, found, _ = server.ask(
        "/openrlhf?unscored=-1",
        {"query": ["Why?four", "Why?unscored"], "prompts": ["Why?"] * 2, "labels": ["a", "b"]},
    )
    assert (status, found) == (200, {"rewards": [4.0, -1.0], "scores": [4.0, -1.0]})


def test_openrlhfs_own_executor_asks_the_server(server: Server) -> None:
    agent = openrlhf_agent()
    url = f"http://127.0.0.1:{server.port}/openrlhf"
    executor = agent.SingleTurnAgentExecutor([url])

    async def ask(length: int) -> Any:
        query = [f"Why?{'x' * length}</s>"]
        return await executor._fetch_rewards_via_http(query, ["Why?"], ["a"])

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*map(ask, range(1, 6)))

    found = [one for (one,) in asyncio.run(ask_all())]
    assert [one["rewards"] for one in found] == [[float(length)] for length in range(1, 6)]


def test_our_own_client_of_embeddings_finds_the_vectors_of_the_configs_encoder(
    server: Server,
) -> None:
    from rlsr.config.embedding import EndpointEmbedding
    from rlsr.embeddings import load_embedder

    url = f"http://127.0.0.1:{server.port}/v1"
    there = load_embedder(EndpointEmbedding(url=url, model="any"), "cpu")
    texts = ["a cat", "", "a dog"]
    expected = encoder().encode(texts).vectors
    assert there.encode(texts).vectors == pytest.approx(expected, abs=1e-6)
    _, found, _ = server.ask("/v1/embeddings", {"input": "a cat", "model": "any"})
    assert found["model"] == "builtin:wordllama"
    assert found["data"][0]["embedding"] == pytest.approx(expected[0].tolist())


def test_requests_that_come_together_are_scored_together(server: Server) -> None:
    found: dict[str, list[Any]] = {}

    def ask(text: str) -> None:
        found[text] = server.score(text)

    threads = [threading.Thread(target=ask, args=("x" * place,)) for place in range(1, 8)]
    with busy(server):
        for thread in threads:
            thread.start()
        until(server, 7)
    for thread in threads:
        thread.join(30)
    assert found == {"x" * place: [float(place)] for place in range(1, 8)}
    assert sorted(server.code.calls[-1]) == sorted(found)


def test_too_many_are_told_to_come_again(server: Server) -> None:
    with busy(server):
        waiting = threading.Thread(target=server.score, args=["w"] * 8)
        waiting.start()
        until(server, 8)
        status, found, headers = server.ask("/v1/score", {"rows": [row("late")]})
        assert status == 429
        assert int(headers["Retry-After"]) >= 1
        assert "ask again" in found["error"]["message"]
        assert server.ask("/healthz")[0] == 200
    waiting.join(30)
    assert server.score("again") == [5.0]


def test_a_client_that_vanishes_costs_nothing(server: Server) -> None:
    with busy(server):
        body = json.dumps({"rows": [row("vanishes")]}).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
            until(server, 1)
        deadline = time.monotonic() + 30
        while b'status="499"' not in server.ask("/metrics")[1].encode():
            assert time.monotonic() < deadline
    assert server.score("stays") == [5.0]
    assert "vanishes" not in {text for call in server.code.calls for text in call}


def test_slow_clients_hold_up_nobody(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        for place, client in enumerate(slow):
            head = b"POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
            client.sendall(head if place % 2 else head[:20])
        started = time.monotonic()
        assert server.score("quick") == [5.0]
        assert time.monotonic() - started < 5
        # Whoever does not send a body in time is told so.
        slow[1].settimeout(30)
        assert b"408" in slow[1].recv(100)
    finally:
        for client in slow:
            client.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/score", b"{", 400, "must be JSON"),
        ("/v1/score", b"[" * 4_000, 400, "must be JSON"),
        ("/v1/score", b"\xff\xfe\xfd", 400, "must be JSON"),
        ("/v1/score", {"rows": 1}, 422, "rows: must be a list"),
        ("/v1/score", b"x" * 5_001, 413, "at most 5,000 bytes"),
        ("/openrlhf?unscored=no", {}, 400, "unscored: must be a number"),
        ("/openrlhf?unscored=nan", {}, 400, "unscored: must be a number"),
        ("/v1/embeddings", {"input": [1]}, 422, "text 1 must be text"),
    ],
)
def test_what_cannot_be_answered_is_said(
    server: Server, path: str, body: object, status: int, message: str
) -> None:
    got, found, _ = server.ask(path, body)
    assert got == status
    assert message in found["error"]["message"]


def test_numbers_can_be_read_by_prometheus(server: Server) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    server.score("four", "unscored")
    status, text, headers = server.ask("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {"rlsr_requests", "rlsr_rows", "rlsr_call_rows", "rlsr_call_seconds", "rlsr_rows_waiting"} <= families.keys()  # fmt: skip
    rows = {sample.labels["outcome"]: sample.value for sample in families["rlsr_rows"].samples if sample.name == "rlsr_rows_total"}  # fmt: skip
    assert rows["scored"] >= 1
    assert rows["unscored"] >= 1


def test_a_token_is_asked_for_everywhere_but_at_the_health_of_the_server(code: None) -> None:
    with serving(Limits(), Rules(TOKEN)) as server:
        for path, body in (("/v1/score", {}), ("/openrlhf", {}), ("/v1/embeddings", {}), ("/metrics", None)):  # fmt: skip
            for header in ("", "Bearer wrong", f"Token {TOKEN}", "Basic %%%"):
                status, _, headers = server.ask(path, body, Authorization=header)
                assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
            assert server.ask(path, body, Authorization=f"Bearer {TOKEN}")[0] in {200, 422}
        # A client that has only the address.
        password = base64.b64encode(f"any:{TOKEN}".encode()).decode()
        assert server.ask("/metrics", None, Authorization=f"Basic {password}")[0] == 200
        assert server.ask("/healthz")[1] == {"status": "ok"}


def test_beyond_this_machine_a_token_is_needed() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert is_loopback(host)
        assert require_token(host, {}) is None
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):
        with pytest.raises(ConfigError, match=r"a token is needed; export RLSR_SERVE_TOKEN"):
            require_token(host, {"RLSR_SERVE_TOKEN": " "})
        assert require_token(host, {"RLSR_SERVE_TOKEN": f"{TOKEN}\n"}) == TOKEN
    with pytest.raises(ConfigError, match="at least 16 characters"):
        require_token("127.0.0.1", {"RLSR_SERVE_TOKEN": "short"})


def test_an_address_that_is_taken_shows_at_once() -> None:
    with listen(Place(port=0)) as taken:
        taken.listen()
        assert address_of(taken).startswith("http://127.0.0.1:")
        with pytest.raises(ConfigError, match=r"cannot be listened at: .*in use.*--port 0"):
            listen(Place(port=taken.getsockname()[1]))
    with pytest.raises(ConfigError, match=r"--host 203\.0\.113\.7 --port 1234: cannot be"):
        listen(Place("203.0.113.7", 1234))
