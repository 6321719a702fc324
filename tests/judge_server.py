"""A server on this machine that judges by rule, and can be told to fail in every way that servers do.

The score is the similarity of response and reference, by the built-in static encoder, so that it really follows the texts.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import numpy as np

from rlsr.config.embedding import StaticEmbedding
from rlsr.embeddings import Embedder, load_embedder

LONGEST = 10
"""The best score."""

_FENCED = re.compile(r"^\[(?P<fence>[0-9a-f]{12}) (?P<name>[a-z0-9 ]+)\]\n(?P<text>.*?)\n\[(?P=fence) end of ", re.M | re.S)  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """How the server fails, and how often before it answers."""

    status: int = 200
    body: str | None = None
    """In the place of a completion."""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    is_cut: bool = False
    times: int = 1


class FirstTokens(dict[str, float]):
    """Log-probabilities of first tokens, in the place of a verdict: the likeliest is the answer."""


Plan = Callable[[str, int], Failure | None]
"""From what is asked and how often it was asked before to how the server fails; None where it answers."""


def answers(question: str, before: int) -> None:
    """Answer everything."""


@dataclass
class JudgeServer:
    """What was asked, and where."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)

    @property
    def questions(self) -> list[str]:
        """What was asked, in the order of the requests."""
        return [question_of(request) for request in self.requests]


def question_of(request: dict[str, Any]) -> str:
    content: str = request["messages"][-1]["content"]
    return content


def texts_of(question: str) -> dict[str, str]:
    """Read what stands between fences, by its name."""
    return {found["name"]: found["text"] for found in _FENCED.finditer(question)}


@cache
def _encoder() -> Embedder:
    return load_embedder(StaticEmbedding(), "cpu")


_LOCK = threading.Lock()


def closeness(one: str, other: str) -> float:
    """Measure the cosine of two texts, at least 0; texts without a direction are as far apart as can be."""
    with _LOCK:
        first, second = _encoder().encode([one, other]).vectors.astype(np.float64)
    found = float(first @ second)
    return max(found, 0.0) if np.isfinite(found) else 0.0


def score_by_rule(response: str, reference: str) -> float:
    return round(LONGEST * closeness(response, reference), 4)


def verdict_by_rule(question: str) -> dict[str, Any]:
    """Judge as the prompts of ours ask: one response by its closeness to the reference or the prompt, of two the one closer to the prompt."""
    texts = texts_of(question)
    if "answer 1" in texts:
        first, second = (closeness(texts[name], texts["prompt"]) for name in ("answer 1", "answer 2"))  # fmt: skip
        return {"reasons": "by rule", "better": 1 if first > second else 2 if second > first else 0}
    other = texts.get("reference answer", texts["prompt"])
    return {"reasons": "by rule", "score": score_by_rule(texts["response"], other)}


def _choice(said: object, *, is_cut: bool) -> dict[str, Any]:
    """Write a verdict as a completion has it."""
    text = said if isinstance(said, str) else json.dumps(said)
    further: dict[str, Any] = {}
    if isinstance(said, FirstTokens):
        text = max(said, key=said.__getitem__)
        top = [{"token": token, "logprob": value} for token, value in said.items()]
        further["logprobs"] = {"content": [{"token": text, "top_logprobs": top}]}
    return {
        "index": 0,
        "message": {"role": "assistant", "content": text[: len(text) // 2] if is_cut else text},
        "finish_reason": "length" if is_cut else "stop",
        **further,
    }


@contextmanager
def judge_server(
    plan: Plan = answers,
    verdict: Callable[[str], object] = verdict_by_rule,
    *,
    tokens_per_call: int | None = 100,
) -> Iterator[JudgeServer]:
    """Start a server.

    Args:
        plan: How it fails.
        verdict: What it answers: an object, or a text as it is.
        tokens_per_call: What it says of its usage; None says nothing.
    """
    lock = threading.Lock()
    # Of its own, since answers are kept by address, and ports come back.
    place = f"/{uuid4().hex}/v1"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = question_of(request)
            with lock:
                server.requests.append(request)
                server.keys.append(self.headers.get("Authorization"))
                before = server.times[question]
                server.times[question] += 1
            failure = plan(question, before)
            if failure is not None:
                time.sleep(failure.delay_s)
            if failure is not None and failure.body is not None:
                self._send(failure.status, failure.body, failure.headers)
                return
            said = verdict(question)
            choice = _choice(said, is_cut=failure is not None and failure.is_cut)
            completion: dict[str, Any] = {"object": "chat.completion", "choices": [choice]}
            if tokens_per_call is not None:
                completion["usage"] = {"prompt_tokens": tokens_per_call - 10, "completion_tokens": 10}  # fmt: skip
            self._send(200, json.dumps(completion), {})

        def _send(self, status: int, body: str, headers: dict[str, str]) -> None:
            content = body.encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that waits no longer is no error of the server."""

    http = Server(("127.0.0.1", 0), Handler)
    server = JudgeServer(f"http://127.0.0.1:{http.server_port}{place}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def settings_of(server: JudgeServer, **further: object) -> list[str]:
    """Write the reward as arguments of the command line."""
    endpoint = {"url": server.url, "model": "judge-1", "retries": 0, **further}
    return ["reward.type=judge", f"reward.endpoint={json.dumps(endpoint)}"]


def in_turn(failures: Sequence[Failure | None]) -> Plan:
    """Fail in several ways by the question's own text, the same way each time it is asked, as often as each says."""

    def plan(question: str, before: int) -> Failure | None:
        failure = failures[sum(question.encode()) % len(failures)]
        return failure if failure is not None and before < failure.times else None

    return plan
