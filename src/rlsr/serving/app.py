"""The reward over HTTP, as an ASGI application."""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from rlsr.errors import DataError, RemoteError, RlsrError
from rlsr.secrets import redact
from rlsr.serving.contracts import (
    read_queries,
    read_rows,
    read_texts,
    write_rewards,
    write_scores,
    write_vectors,
)
from rlsr.serving.gathering import TooManyWaiting
from rlsr.serving.numbers import CONTENT_TYPE, ServerNumbers
from rlsr.serving.service import RewardService

logger = logging.getLogger(__name__)

Found = TypeVar("Found")
Handler = Callable[[Request], Awaitable[Response]]

_CLIENT_LEFT = 499
"""Nobody reads it but the counters, where it is named as nginx does."""


@dataclass(frozen=True)
class Rules:
    """What a request has to keep to."""

    token: str | None = None
    """What every request but that of ``/healthz`` must show; None asks for nothing."""
    max_body_bytes: int = 4_000_000
    """Longest body."""
    body_seconds: float = 30.0
    """How long a body may take to arrive."""


class Refusal(Exception):
    """A request is not answered.

    Args:
        status: Of HTTP.
        message: The rule, what was got and the way out.
        headers: What else the answer says.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.status = status
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        return self.message


def make_app(
    service: RewardService, numbers: ServerNumbers, rules: Rules, *, has_metrics: bool = True
) -> Starlette:
    """Put the application together.

    Args:
        service: It scores.
        numbers: What is counted.
        rules: What requests have to keep to.
        has_metrics: Whether it tells what it counts.
    """
    numbers.show_waiting(lambda: service.num_waiting)

    async def score(request: Request) -> Response:
        rows = read_rows(await _body(request, rules))
        scores = await _answer(request, service.score(rows))
        numbers.observe_scores(scores)
        return _json(write_scores(scores))

    async def openrlhf(request: Request) -> Response:
        unscored = _unscored(request.query_params.get("unscored"))
        rows = read_queries(await _body(request, rules))
        scores = await _answer(request, service.score(rows))
        numbers.observe_scores(scores)
        return _json(write_rewards(scores, unscored))

    async def embeddings(request: Request) -> Response:
        texts, as_base64 = read_texts(await _body(request, rules))
        vectors = await _answer(request, service.embed(texts))
        return _json(write_vectors(vectors, service.config.embedding.name, as_base64=as_base64))

    async def metrics(request: Request) -> Response:
        return Response(numbers.text(), media_type=CONTENT_TYPE)

    async def healthz(request: Request) -> Response:
        return _json({"status": "ok"})

    def route(path: str, method: str, handler: Handler, token: str | None) -> Route:
        guarded = _guarded(path, handler, token, numbers)
        return Route(path, guarded, methods=[method])

    routes = [
        route("/v1/score", "POST", score, rules.token),
        route("/openrlhf", "POST", openrlhf, rules.token),
        route("/v1/embeddings", "POST", embeddings, rules.token),
        # Whoever looks whether a server is there knows no secrets.
        route("/healthz", "GET", healthz, None),
    ]
    if has_metrics:
        routes.append(route("/metrics", "GET", metrics, rules.token))
    return Starlette(routes=routes)


def _guarded(path: str, handler: Handler, token: str | None, numbers: ServerNumbers) -> Handler:
    """Ask for the token, and turn what a handler raises into an answer."""

    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        try:
            _require_token(request, token)
            response = await handler(request)
        except ClientDisconnect:
            response = Response(status_code=_CLIENT_LEFT)
        except Exception as error:  # noqa: BLE001 - one request shall end no other
            response = _refused(error)
        numbers.observe_request(path, response.status_code, time.perf_counter() - started)
        return response

    return answer


def _refused(error: Exception) -> Response:
    status, headers, message = 500, None, str(error)
    match error:
        case Refusal():
            status, headers = error.status, error.headers
        case TooManyWaiting():
            status, headers = 429, {"Retry-After": str(error.retry_after_s)}
        case DataError():
            status = 422
        case RemoteError():
            status = 502
        case RlsrError():
            pass
        case _:
            logger.exception("a request has failed")
            message = f"{type(error).__name__}; the server's log says more"
    if status >= 500:
        logger.warning("a request has failed: %s", message)
    return _json({"error": {"message": redact(message), "type": type(error).__name__}}, status, headers)  # fmt: skip


def _require_token(request: Request, token: str | None) -> None:
    if token is None:
        return
    shown = _shown_token(request.headers.get("Authorization", ""))
    if not hmac.compare_digest(shown.encode(), token.encode()):
        raise Refusal(
            401,
            "a token is asked for; send the header `Authorization: Bearer TOKEN`, or put it into the address as a password, as in "
            "http://any:TOKEN@host:port/openrlhf",
            {"WWW-Authenticate": "Bearer"},
        )


def _shown_token(header: str) -> str:
    """Read a token, or a password that is one: some clients can only put it into the address."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return value if scheme.lower() == "bearer" else ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _body(request: Request, rules: Rules) -> Any:
    """Read JSON that is not too long and does not take too long."""
    try:
        async with asyncio.timeout(rules.body_seconds):
            body = await _bytes(request, rules.max_body_bytes)
    except TimeoutError as error:
        raise Refusal(
            408, f"a request must have arrived after {rules.body_seconds:g} s; send it again"
        ) from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body must be JSON in UTF-8: {error}") from error


async def _bytes(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refusal(
                413, f"a body must have at most {most:,} bytes; ask about fewer rows at a time", {"Connection": "close"}
            )  # fmt: skip
    return bytes(body)


async def _answer(request: Request, asked: "Future[list[Found]]") -> list[Found]:
    """Wait for an answer as long as the client does."""
    answer = asyncio.wrap_future(asked)
    leaving = asyncio.ensure_future(_left(request))
    leaving.add_done_callback(lambda _: answer.cancel())
    try:
        return await answer
    except asyncio.CancelledError:
        if leaving.done():
            raise ClientDisconnect from None
        raise
    finally:
        answer.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _unscored(given: str | None) -> float | None:
    if given is None:
        return None
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refusal(
            400, f"unscored: must be a number, as in /openrlhf?unscored=-1, got {given!r}"
        )
    return value


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status, headers, media_type="application/json")
