"""A server on this machine that speaks OpenAI's embeddings, encodes by the built-in encoder, and misbehaves where it is told to.

As a process of its own: ``python tests/embedding_server.py``; it prints its address, and ends when its input does.
"""

import json
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rlsr.embeddings import Embedder, load_named_embedder

ENCODER = "builtin:wordllama"
WIDTH = 256


@dataclass(frozen=True)
class Reply:
    """What the server sends back."""

    data: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


Rule = Callable[[Sequence[str], int, Reply], Reply]
"""From the texts of a request, how often the first of them was asked before, and the right reply to what is sent."""


def rightly(_texts: Sequence[str], _before: int, reply: Reply) -> Reply:
    return reply


def mixed(texts: Sequence[str], before: int, reply: Reply) -> Reply:
    """Answer in any order, and fail once or twice in the way that the first text decides."""
    digest = zlib.crc32(texts[0].encode("utf-8", errors="surrogatepass"))
    backwards = replace(reply, data=reply.data[::-1], delay_s=digest % 7 / 100)
    ways = {
        0: replace(reply, status=429, body="slow down"),
        1: replace(reply, status=500, body="out of memory"),
        2: replace(reply, body='{"data": [{"index": 0, "embedd'),
        3: replace(reply, data=reply.data[:-1]),
        4: replace(reply, data=[*reply.data, *reply.data[:1]]),
        5: replace(reply, data=[{**row, "index": 0} for row in reply.data]),
        6: replace(reply, data=[{**row, "embedding": row["embedding"][:-1]} for row in reply.data]),
        7: replace(reply, body="<html>"),
    }
    fails = digest % 3 if before < 2 else 0
    return ways.get((digest >> 4) % 8 + before, backwards) if fails > before else backwards


@dataclass
class EmbeddingServer:
    """What was asked, and where."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)

    @property
    def texts(self) -> list[str]:
        """What was to be encoded, in the order of the requests."""
        return [text for request in self.requests for text in request["input"]]


@cache
def encoder() -> Embedder:
    return load_named_embedder(ENCODER, "cpu")


@contextmanager
def embedding_server(rule: Rule = rightly) -> Iterator[EmbeddingServer]:
    lock = threading.Lock()
    embedder = encoder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            texts = request["input"]
            with lock:
                server.requests.append({"path": self.path, **request})
                server.keys.append(self.headers.get("Authorization"))
                before = server.times[texts[0]]
                server.times[texts[0]] += 1
                # Of another length than 1, as servers may give them.
                vectors = 3 * embedder.encode(texts).vectors[:, : request.get("dimensions")]
            data = [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(vectors.tolist())
            ]
            reply = rule(texts, before, Reply(data))
            time.sleep(reply.delay_s)
            answer = {"object": "list", "data": reply.data, "model": request["model"]}
            body = (json.dumps(answer) if reply.body is None else reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    http = Server(("127.0.0.1", 0), Handler)
    server = EmbeddingServer(f"http://127.0.0.1:{http.server_port}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@contextmanager
def embedding_process(rule: str = "rightly") -> Iterator[str]:
    """Run the server in a process of its own; gives its address."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__)), rule],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


if __name__ == "__main__":
    with embedding_server({"rightly": rightly, "mixed": mixed}[sys.argv[1]]) as started:
        sys.stdout.write(f"{started.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
