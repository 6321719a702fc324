"""A server on this machine that speaks OpenAI's chat completions and translates by rule."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

PROMPT = "Translate: {text}"


@dataclass(frozen=True)
class Reply:
    """What the server sends back: a completion, or a bare status."""

    content: str | None = ""
    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


Rule = Callable[[str, int], Reply]
"""From a text and how often it was asked before to a reply."""


@dataclass
class ChatServer:
    """What was asked, and where."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)

    @property
    def texts(self) -> list[str]:
        """What was to be translated, in the order of the requests."""
        return [text_of(request) for request in self.requests]


def text_of(request: dict[str, Any]) -> str:
    content: str = request["messages"][0]["content"]
    return content.removeprefix(PROMPT.partition("{")[0])


def formula_by_rule(text: str) -> str:
    """Say of somebody that he has the words of a text; without words there is no formula."""
    words = dict.fromkeys(word.lower() for word in re.findall(r"[A-Za-z]{2,}", text))
    return " ∧ ".join(f"Has{word}(somebody)" for word in list(words)[:8]) or "no words"


def by_rule(text: str, _: int) -> Reply:
    return Reply(formula_by_rule(text))


@contextmanager
def chat_server(rule: Rule = by_rule) -> Iterator[ChatServer]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = text_of(request)
            with lock:
                server.requests.append({"path": self.path.removeprefix(place), **request})
                server.keys.append(self.headers.get("Authorization"))
                before = server.times[text]
                server.times[text] += 1
            reply = rule(text, before)
            time.sleep(reply.delay_s)
            completion = {"choices": [{"message": {"role": "assistant", "content": reply.content}}]}
            body = (json.dumps(completion) if reply.body is None else reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    # Of its own, since answers are kept by address, and ports come back.
    place = f"/{uuid4().hex}"
    server = ChatServer(f"http://127.0.0.1:{http.server_port}{place}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
