"""``rlsr serve-reward`` as a process of its own."""

import asyncio
import http.client
import json
import signal
import socket
import threading
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from serve_load import load_script
from tiny import Cli

pytest.importorskip("prometheus_client", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

SETTINGS = ["embedding=builtin:wordllama"]


def test_beyond_this_machine_a_token_is_needed_before_anything_is_loaded(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.delenv("RLSR_SERVE_TOKEN", raising=False)
    done = cli("serve-reward", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "error: --host 0.0.0.0: others than this machine can reach it" in done.stderr
    assert "RLSR_SERVE_TOKEN" in done.stderr


def test_an_address_that_is_taken_is_said(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("serve-reward", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "cannot be listened at: " in done.stderr


@pytest.mark.slow
def test_none_of_many_requests_is_lost_or_answered_by_another() -> None:
    load = load_script()
    measured = load.measure(SETTINGS, load.make_rows(600), clients=32, batch=16, turns=2)
    assert (measured["requests"], measured["lost"], measured["mismatched"]) == (600, 0, 0)
    assert measured["distinct_scores"] > 300, "a wrong answer would show"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_when_all_is_answered(number: int) -> None:
    load = load_script()
    rows = load.make_rows(1600)
    found: dict[int, Any] = {}

    def ask(address: str, place: int) -> None:
        host = urlsplit(address).netloc
        with closing(http.client.HTTPConnection(host, timeout=120)) as connection:
            body = json.dumps({"rows": rows[place : place + 100]})
            connection.request("POST", "/v1/score", body)
            answer = connection.getresponse()
            found[place] = (answer.status, json.loads(answer.read()))

    with load.serving(SETTINGS) as (address, process):
        asyncio.run(load.ask_all(address, rows[:1], 1))
        threads = [
            threading.Thread(target=ask, args=(address, place)) for place in range(0, 1600, 100)
        ]
        for thread in threads:
            thread.start()
        # Until all have arrived, one call's rows being under way, which takes less time than to score them.
        while counted(address, "rlsr_rows_waiting") + counted(address, "rlsr_call_rows_sum") < 1536:
            time.sleep(0.005)
        assert len(found) < 16, "some are under way"
        process.send_signal(number)
        for thread in threads:
            thread.join(120)
        assert process.wait(60) == 0
        assert "every request under way was answered" in process.stdout.read()
    assert len(found) == 16
    assert all(status == 200 and len(answer["rows"]) == 100 for status, answer in found.values())
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(load.ask_all(address, rows[:1], 1))


def counted(address: str, name: str) -> float:
    """Read one of the numbers of a server."""
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.split()[1])
