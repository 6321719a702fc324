"""``rlsr serve-reward --replicas``: several servers of Ray Serve behind one address."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("ray.serve", reason="the extra serve-ray is not installed")

from serve_load import load_script
from tiny import Cli

pytestmark = pytest.mark.slow
SETTINGS = ["embedding=builtin:wordllama", "threads=1"]


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_none_of_many_requests_is_lost_or_answered_by_another() -> None:
    load = load_script()
    rows = load.make_rows(600)
    with load.serving(SETTINGS, "--replicas", "1") as (address, _):
        one = asyncio.run(load.ask_all(address, rows, 32))
    with load.serving(SETTINGS, "--replicas", "2") as (address, _):
        two = asyncio.run(load.ask_all(address, rows, 32))
    assert None not in one
    assert two == pytest.approx(one, abs=load.TOLERANCE)
    assert len({round(score, 4) for score in one}) > 300, "a wrong answer would show"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_servers_when_all_is_answered(number: int) -> None:
    load = load_script()
    rows = load.make_rows(800)
    found: dict[int, Any] = {}

    def ask(address: str, place: int) -> None:
        with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)) as asked:
            asked.request("POST", "/v1/score", json.dumps({"rows": rows[place : place + 100]}))
            answer = asked.getresponse()
            found[place] = (answer.status, json.loads(answer.read()))

    with load.serving(SETTINGS, "--replicas", "1", "--max-rows", "1", "--wait-ms", "0") as (address, process):  # fmt: skip
        asyncio.run(load.ask_all(address, rows[:1], 1))
        threads = [
            threading.Thread(target=ask, args=(address, place)) for place in range(0, 800, 100)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert len(found) < 8, "some are under way"
        process.send_signal(number)
        for thread in threads:
            thread.join(120)
        assert process.wait(60) == 0
        assert "every request under way was answered" in process.stdout.read()
    assert len(found) == 8
    assert all(status == 200 and len(answer["rows"]) == 100 for status, answer in found.values())
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(load.ask_all(address, rows[:1], 1))
    assert "rlsr-reward" not in subprocess.check_output(["ps", "axo", "args"], text=True), "no replica is left"  # fmt: skip


def test_each_replica_asks_for_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    load = load_script()
    monkeypatch.setenv("RLSR_SERVE_TOKEN", "a-token-of-enough-characters")
    with (
        load.serving(SETTINGS, "--replicas", "1") as (address, _),
        closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)) as asked,
    ):
        for headers, status in (({}, 401), ({"Authorization": "Bearer a-token-of-enough-characters"}, 200)):  # fmt: skip
            asked.request("POST", "/v1/score", '{"rows": []}', headers)
            answer = asked.getresponse()
            answer.read()
            assert answer.status == status


def test_more_replicas_than_there_is_room_for_are_refused(cli: Cli) -> None:
    done = cli("serve-reward", *SETTINGS, "--port", "0", "--replicas", "1000")
    assert done.returncode == 2
    assert f"--replicas 1000: they need 1000 CPUs, 1 each, and Ray has {os.cpu_count()}" in done.stderr  # fmt: skip


def test_a_cluster_that_cannot_be_reached_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    done = cli("serve-reward", *SETTINGS, "--port", "0", "--replicas", "1")
    assert done.returncode == 2
    assert (
        "RAY_ADDRESS=127.0.0.1:1: no Ray cluster can be joined there ([Errno 111] Connection refused)"
        in done.stderr
    )


def test_what_is_wrong_with_the_reward_is_one_message(cli: Cli) -> None:
    done = cli("serve-reward", "embedding=no/such-model", "--port", "0", "--replicas", "1")
    assert done.returncode == 2
    assert "no/such-model" in done.stderr
    assert "Traceback" not in done.stderr
