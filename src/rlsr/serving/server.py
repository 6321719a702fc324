"""A process that serves the reward until it is asked to end."""

import gc
import ipaddress
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError
from rlsr.interruption import Interrupted
from rlsr.packages import package_directory
from rlsr.serving.gathering import Limits
from rlsr.serving.numbers import ServerNumbers, missing
from rlsr.serving.service import RewardService

TOKEN_VARIABLE = "RLSR_SERVE_TOKEN"
"""The environment variable that holds the token."""

_SHORTEST_TOKEN = 16
GRACE_SECONDS = 300
"""How long a client that does not read its answer can hold up the end."""
_MOST_CONNECTIONS = 2048


@dataclass(frozen=True)
class Place:
    """Where a server listens, and what it takes."""

    host: str = "127.0.0.1"
    """An address of this machine, or a name for one."""
    port: int = 8000
    """0 takes one that is free."""
    max_body_bytes: int = 4_000_000
    """Longest body of a request."""
    body_seconds: float = 30.0
    """How long a body may take to arrive."""


def require_token(host: str, environment: dict[str, str] | None = None) -> str | None:
    """Read the token that requests must show.

    Args:
        host: Where the server listens.
        environment: Where the variable is looked up; the process's if not given.

    Returns:
        The token; None where there is none, and the server listens to this machine alone.

    Raises:
        ConfigError: It listens to others and there is none, or one that can be guessed.
    """
    found = (os.environ if environment is None else environment).get(TOKEN_VARIABLE, "").strip()
    if not found and not is_loopback(host):
        raise ConfigError(
            f"--host {host}: others than this machine can reach it, so a token is needed; export {TOKEN_VARIABLE}=$(openssl rand -hex 24), "
            "or listen at 127.0.0.1"
        )
    if found and (len(found) < _SHORTEST_TOKEN or not found.isascii()):
        raise ConfigError(
            f"{TOKEN_VARIABLE}: must have at least {_SHORTEST_TOKEN} characters, all ASCII, got {len(found)}; make one by openssl rand -hex 24"
        )
    return found or None


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(place: Place) -> socket.socket:
    """Take the address, so that one that is taken shows before a model is loaded.

    Args:
        place: Where.

    Returns:
        A socket that does not accept connections yet.

    Raises:
        ConfigError: There is no such address, or somebody has it.
    """
    found: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except (OSError, OverflowError) as error:
        if found is not None:
            found.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"--host {place.host} --port {place.port}: cannot be listened at: {reason}; name another, or --port 0 for any that is free"
        ) from error
    return found


def require_packages() -> None:
    """Refuse to begin without what a server needs.

    Raises:
        MissingPackageError: One is not installed.
    """
    for package, module in _PACKAGES:
        if package_directory(module) is None:
            raise missing(package)


_PACKAGES = (
    ("starlette", "starlette"),
    ("uvicorn", "uvicorn"),
    ("prometheus-client", "prometheus_client"),
)


def serve(
    config: RunConfig,
    place: Place,
    limits: Limits,
    *,
    ready: Callable[[str], None],
) -> None:
    """Serve a reward until SIGTERM or Ctrl-C; requests under way are answered first, unless a second signal comes.

    Args:
        config: It names the reward and the encoder.
        place: Where.
        limits: How much is scored at once, and how much may wait.
        ready: Called with the address when requests are taken.

    Raises:
        RlsrError: A package is missing, the address cannot be taken, or a part of the reward cannot be loaded.
        Interrupted: A second signal has ended it before everything was answered.
    """
    require_packages()
    token = require_token(place.host)
    with listen(place) as taken:
        from rlsr.serving.app import Rules, make_app

        numbers = ServerNumbers()
        service = RewardService(config, limits, numbers.observe_call)
        server: Any = None
        try:
            app = make_app(service, numbers, Rules(token, place.max_body_bytes, place.body_seconds))
            server = _server(app, lambda: ready(address_of(taken)))
            spare_the_loaded()
            server.run(sockets=[taken])
        finally:
            service.close(finish=server is not None and not server.force_exit)
        if server.force_exit:
            raise Interrupted(server.last_signal)


def spare_the_loaded() -> None:
    """Let the garbage collector look at requests alone, and not at what was loaded again and again: that costs an eighth of a request, or more."""
    gc.freeze()
    gc.set_threshold(20_000)


def _server(app: Any, ready: Callable[[], None] = lambda: None) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """Ends for the first signal when all is answered, and for the second at once."""

        should_exit: bool
        last_signal = 0

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            ready()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            self.force_exit = self.should_exit
            self.should_exit = True
            self.last_signal = sig

    return Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def address_of(taken: socket.socket) -> str:
    """Write where a socket listens as browsers do."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
