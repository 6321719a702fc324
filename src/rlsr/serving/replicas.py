"""The reward server several times, as a deployment of Ray Serve: each replica has a model of its own."""

import logging
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.models import choose_device
from rlsr.packages import package_directory
from rlsr.rewards import open_reward
from rlsr.serving.gathering import Limits
from rlsr.serving.numbers import ServerNumbers
from rlsr.serving.server import (
    GRACE_SECONDS,
    Place,
    address_of,
    listen,
    require_packages,
    require_token,
    spare_the_loaded,
)
from rlsr.serving.service import RewardService

_NAME = "rlsr-reward"
_MOST_ONGOING = 2048
"""Requests that a replica holds; how many rows may wait is the gatherer's matter."""


class Replica:
    """What Ray Serve makes in a process of its own, and ends by ``__del__`` when all is answered.

    Args:
        config: It names the reward and the encoder.
        limits: How much is scored at once, and how much may wait.
        place: How long a body may be.
        token: What requests must show.
    """

    def __init__(self, config: RunConfig, limits: Limits, place: Place, token: str | None) -> None:
        self._place = place
        self._token = token
        self._numbers = ServerNumbers()
        self._service = RewardService(config, limits, self._numbers.observe_call)
        spare_the_loaded()

    def __serve_build_asgi_app__(self) -> Any:
        """Make the application that answers; Ray Serve asks for it by this name."""
        from rlsr.serving.app import Rules, make_app

        rules = Rules(self._token, self._place.max_body_bytes, self._place.body_seconds)
        # What one replica counts would jump from one scrape to the next.
        return make_app(self._service, self._numbers, rules, has_metrics=False)

    def __del__(self) -> None:
        """Let go of the reward."""
        self._service.close()


def serve_replicas(
    config: RunConfig,
    place: Place,
    limits: Limits,
    num_replicas: int,
    *,
    ready: Callable[[str], None],
) -> None:
    """Serve a reward by several processes until SIGTERM or Ctrl-C; requests under way are answered first, unless a second signal comes.

    Ray starts on this machine, or, with ``RAY_ADDRESS`` in the environment, the cluster there is joined, from its head node. A replica
    takes ``threads`` CPUs (1 if not set), and one GPU where the device is one.

    Args:
        config: It names the reward and the encoder.
        place: Where.
        limits: As for a single server, of each replica.
        num_replicas: How many, at least one.
        ready: Called with the address when requests are taken.

    Raises:
        RlsrError: A package is missing, the address or the cluster cannot be had or is too small, or a part of the reward cannot be loaded.
    """
    _require_packages()
    token = require_token(place.host)
    with listen(place) as taken:
        address, port = address_of(taken), taken.getsockname()[1]
    # Once here, where what is wrong with a reward is one message, and not the traceback of each replica.
    open_reward(config, choose_device(config.device)).close()
    import ray
    from ray import serve

    with _cluster():
        needs = {
            "num_cpus": config.threads or 1,
            "num_gpus": int("cuda" in choose_device(config.device)),
        }
        _require_room(num_replicas, needs, ray.cluster_resources())
        if serve.status().proxies:
            raise ConfigError(
                "RAY_ADDRESS: Ray Serve runs in this cluster already, at an address of its own; end it by `serve shutdown`, or take another cluster"
            )
        serve.start(
            proxy_location="HeadOnly", http_options={"host": place.host, "port": port, "request_timeout_s": GRACE_SECONDS}
        )  # fmt: skip
        deployment = serve.deployment(
            serve.ingress()(Replica),
            name=_NAME,
            num_replicas=num_replicas,
            ray_actor_options=needs,
            max_ongoing_requests=_MOST_ONGOING,
            graceful_shutdown_wait_loop_s=0.1,
            graceful_shutdown_timeout_s=GRACE_SECONDS,
        )
        try:
            serve.run(deployment.bind(config, limits, place, token), name=_NAME)
            _require_answer(address)
            ready(address)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            # Waits until every replica has answered what it holds.
            serve.delete(_NAME)
        finally:
            # A Ray of this program's own ends as a whole.
            if os.environ.get("RAY_ADDRESS"):
                serve.shutdown()


@contextmanager
def _cluster() -> Iterator[None]:
    """Start Ray, or join it, with this program's own way of ending."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = signal.getsignal(signal.SIGTERM)
    address = os.environ.get("RAY_ADDRESS")
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            _knock(address)
            ray.init(**quiet)
        else:
            ray.init("local", include_dashboard=False, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        if not address:
            raise
        raise ConfigError(
            f"RAY_ADDRESS={address}: no Ray cluster can be joined there ({error}); one that `ray start` has begun asks for its token: set "
            "RAY_AUTH_MODE=token"
        ) from error
    # Ray puts a handler of its own in its place.
    signal.signal(signal.SIGTERM, before)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out within seconds that nobody listens, for which Ray takes minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _require_packages() -> None:
    require_packages()
    if package_directory("ray") is None:
        raise MissingPackageError(
            "ray", "serve the reward by several replicas", "pip install 'rlsr[serve-ray]'"
        )


def _require_room(num_replicas: int, needs: dict[str, int], has: dict[str, float]) -> None:
    """Refuse more replicas than the cluster has room for, which Ray would wait for without an end.

    Args:
        num_replicas: How many.
        needs: What each takes, as Ray's options of an actor.
        has: What the cluster has, as Ray names it.
    """
    for option, name in (("num_cpus", "CPU"), ("num_gpus", "GPU")):
        if num_replicas * needs[option] > has.get(name, 0):
            raise ConfigError(
                f"--replicas {num_replicas}: they need {num_replicas * needs[option]} {name}s, {needs[option]} each, and Ray has "
                f"{has.get(name, 0):g}; ask for fewer, set threads=1, or join a larger cluster by RAY_ADDRESS"
            )


def _require_answer(address: str) -> None:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=60):
            pass
    except OSError as error:
        raise ConfigError(
            f"{address}: Ray Serve listens at the head node of the cluster, which this machine is not ({error}); run this there"
        ) from error
