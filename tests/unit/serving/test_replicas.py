"""What ``--replicas`` refuses before it waits, and what one replica answers; Ray itself runs in tests/e2e/test_serve_replicas.py."""

import importlib.util
import socket

import pytest

pytest.importorskip("prometheus_client", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from rlsr.config import load_config
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.serving import Limits
from rlsr.serving.replicas import Replica, _knock, _require_room, serve_replicas
from rlsr.serving.server import Place


@pytest.mark.parametrize(
    ("has", "short_of"),
    [
        ({"CPU": 7.0, "GPU": 4.0}, "they need 8 CPUs, 2 each, and Ray has 7;"),
        ({"CPU": 8.0, "GPU": 3.0}, "they need 4 GPUs, 1 each, and Ray has 3;"),
        ({"CPU": 8.0}, "they need 4 GPUs, 1 each, and Ray has 0;"),
    ],
)
def test_a_cluster_without_room_is_refused(has: dict[str, float], short_of: str) -> None:
    with pytest.raises(ConfigError, match=f"--replicas 4: {short_of}"):
        _require_room(4, {"num_cpus": 2, "num_gpus": 1}, has)


def test_a_cluster_with_just_enough_room_is_taken() -> None:
    _require_room(4, {"num_cpus": 2, "num_gpus": 0}, {"CPU": 8.0})


def test_nobody_at_an_address_is_found_out_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        address = f"127.0.0.1:{there.getsockname()[1]}"
        _knock(address)
    with pytest.raises(ConnectionRefusedError):
        _knock(address)


@pytest.mark.parametrize("address", ["", "auto", "local"])
def test_an_address_without_a_port_is_left_to_ray(address: str) -> None:
    _knock(address)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_a_missing_ray_is_said_with_what_brings_it() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install 'rlsr\[serve-ray\]'"):
        serve_replicas(load_config(), Place(), Limits(), 2, ready=print)


def test_a_replica_answers_all_but_its_own_numbers() -> None:
    replica = Replica(load_config(), Limits(), Place(), None)
    paths = {route.path for route in replica.__serve_build_asgi_app__().routes}
    assert paths == {"/v1/score", "/openrlhf", "/v1/embeddings", "/healthz"}
