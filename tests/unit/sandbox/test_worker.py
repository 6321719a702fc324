"""What the code in the sandbox can do, tried by code that tries it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlsr.errors import ConfigError
from rlsr.sandbox import Kind, Limits, Worker, choose_kind
from rlsr.sandbox.worker import SourceError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")

KINDS: tuple[Kind, ...] = ("bubblewrap", "limits")
NUMBER = "def grade(sample, item):\n    return {}\n"
TRIES = '''
import os, socket, subprocess, threading

kept = []


def bomb():
    """Start processes until there are no more."""
    while True:
        os.fork()


def grade(name, argument):
    if name == "add":
        return argument[0] + argument[1]
    if name == "read":
        return len(open(argument, "rb").read())
    if name == "list":
        return len(os.listdir(argument))
    if name == "write":
        with open(argument, "w") as file:
            return file.write("x")
    if name == "fill":
        with open("own", "wb") as file:
            return file.write(bytes(argument))
    if name == "connect":
        socket.create_connection(("127.0.0.1", argument), timeout=5)
        return 1
    if name == "unix":
        socket.socket(socket.AF_UNIX)
        return 1
    if name == "fork bomb":
        return bomb()
    if name == "start":
        return subprocess.run(["/usr/bin/env"]).returncode
    if name == "memory":
        return len(bytearray(argument))
    if name == "kill":
        os.kill(os.getppid(), 9)
        return 1
    if name == "variable":
        return float(any(argument in f"{key}={value}" for key, value in os.environ.items()))
    if name == "thread":
        thread = threading.Thread(target=lambda: kept.append(1))
        thread.start()
        thread.join()
        return len(kept)
    if name == "loop":
        while True:
            pass
    if name == "exit":
        os._exit(argument)
    if name == "print":
        for _ in range(2000):
            print("x" * 1000)
            os.write(2, b"y" * 1000)
        return 1
    if name == "long":
        raise ValueError("x" * argument)
    return argument
'''


def limits(**more: float) -> Limits:
    return Limits(**{"seconds": 20.0, "disk_bytes": 10**6, "memory_bytes": 10**9, **more})  # type: ignore[arg-type]


def require(kind: Kind) -> None:
    if kind == "bubblewrap" and choose_kind("auto", "sandbox") != "bubblewrap":
        pytest.skip("bubblewrap is not installed, or may make no name spaces here")


@pytest.fixture(params=KINDS, scope="module")
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    require(request.param)
    os.environ["PLANTED_API_KEY"] = "planted-4711"
    worker = Worker(TRIES, "grade", request.param, limits())
    yield worker
    worker.close()
    del os.environ["PLANTED_API_KEY"]


def ask(worker: Worker, name: str, argument: object = None) -> tuple[float | None, str]:
    (outcome,) = worker.call([[name, argument]])
    return outcome.value, outcome.cause


def test_what_may_be_done_is_done(worker: Worker) -> None:
    found = worker.call([["add", [1, 2]], ["thread", None], ["fill", 1000], ["write", "own"], ["read", "own"], ["number", 0.1], ["number", True]])  # fmt: skip
    assert [outcome.value for outcome in found] == [3.0, 1.0, 1000.0, 1.0, 1.0, 0.1, 1.0]


@pytest.mark.parametrize("place", ["/etc/passwd", "/root/.bashrc", __file__])
def test_files_of_others_cannot_be_read(worker: Worker, place: str) -> None:
    if "files" not in worker.held:
        pytest.skip("this kernel has no Landlock")
    value, cause = ask(worker, "read", place)
    assert value is None
    assert "Error" in cause


def test_what_another_process_was_started_with_cannot_be_read(worker: Worker) -> None:
    if "files" not in worker.held:
        pytest.skip("this kernel has no Landlock")
    assert ask(worker, "read", f"/proc/{os.getpid()}/environ")[0] is None


def test_nothing_can_be_written_outside(worker: Worker, tmp_path: Path) -> None:
    if "files" not in worker.held:
        pytest.skip("this kernel has no Landlock")
    for place in (tmp_path / "new", Path("/usr/new"), Path("/dev/new"), Path("/new"), Path("/var/tmp/new")):  # fmt: skip
        value, cause = ask(worker, "write", str(place))
        assert value is None, place
        assert "Error" in cause
        assert not place.exists()


def test_files_of_its_own_are_bounded(worker: Worker) -> None:
    value, cause = ask(worker, "fill", 5 * 10**6)
    assert value is None
    assert "File too large" in cause or "No space left" in cause


def test_there_is_no_network(worker: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        # The same code, with nothing around it, gets through.
        socket.create_connection(("127.0.0.1", port)).close()
        value, cause = ask(worker, "connect", port)
    assert value is None
    assert "Error" in cause
    assert ask(worker, "unix")[0] is None


@pytest.mark.parametrize("name", ["fork bomb", "start", "kill"])
def test_no_process_is_started_or_signalled(worker: Worker, name: str) -> None:
    before = worker.held
    value, cause = ask(worker, name)
    assert value is None
    assert "PermissionError" in cause
    assert before == worker.held


def test_memory_is_bounded(worker: Worker) -> None:
    value, cause = ask(worker, "memory", 2 * 10**9)
    assert value is None
    assert cause.startswith("MemoryError")


def test_variables_are_not_seen(worker: Worker) -> None:
    assert ask(worker, "variable", "planted-4711") == (0.0, "")
    assert ask(worker, "variable", "PLANTED") == (0.0, "")
    assert ask(worker, "variable", "PATH=") == (1.0, "")


def test_what_is_printed_goes_nowhere(worker: Worker) -> None:
    assert ask(worker, "print") == (1.0, "")


def test_a_long_message_is_cut(worker: Worker) -> None:
    value, cause = ask(worker, "long", 10**6)
    assert value is None
    assert len(cause) < 600


@pytest.mark.parametrize(
    ("argument", "cause"),
    [("text", "returned no number but 'text'"), (None, "returned no number but None"), ([1], "returned no number but [1]")],
)  # fmt: skip
def test_what_is_no_number_is_said(worker: Worker, argument: object, cause: str) -> None:
    assert ask(worker, "other", argument) == (None, cause)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_ends_the_process_costs_no_other(kind: Kind) -> None:
    require(kind)
    worker = Worker(TRIES, "grade", kind, limits(seconds=2.0))
    begun = time.monotonic()
    found = worker.call([["add", [1, 1]], ["loop", None], ["add", [1, 2]], ["exit", 3], ["add", [1, 3]]])  # fmt: skip
    assert [outcome.value for outcome in found] == [2.0, None, 3.0, None, 4.0]
    assert found[1].cause == "it took more than 2 s"
    assert found[3].cause == "its process ended with exit code 3"
    assert time.monotonic() - begun < 30
    worker.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_without_end_is_no_answer(kind: Kind) -> None:
    require(kind)
    source = (
        "import os\ndef grade(sample, item):\n"
        "    for place in range(3, 20):\n"
        "        try:\n"
        "            while sample: os.write(place, b'x' * 1000)\n"
        "        except OSError: pass\n"
        "    return 1\n"
    )
    worker = Worker(source, "grade", kind, limits(seconds=5.0))
    flood, after = worker.call([[True, 0], [False, 0]])
    assert flood.value is None
    assert flood.cause in {"its answer has more than 65,536 bytes", "it took more than 5 s"}
    assert after.value == 1.0
    worker.close()


@pytest.mark.parametrize("answer", ["[" * 50_000, "{", "[]", "3", "{}", '{\\"value\\": 1}'])
def test_what_is_written_in_the_place_of_an_answer_is_none(answer: str) -> None:
    source = (
        "import os\ndef grade(sample, item):\n"
        "    for place in range(3, 20):\n"
        f'        try: os.write(place, b"{answer}\\n")\n'
        "        except OSError: pass\n"
        "    return 1\n"
    )
    worker = Worker(source, "grade", "limits", limits())
    (outcome,) = worker.call([[0, 0]])
    assert outcome.value is None
    assert outcome.cause in {"it wrote no answer but something else", "the answer is none"}
    worker.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_a_closed_worker(kind: Kind) -> None:
    require(kind)
    others = _below(os.getpid())  # of the tests before
    worker = Worker(TRIES, "grade", kind, limits(seconds=0.5))
    begun = _below(os.getpid()) - others
    assert begun
    worker.call([["loop", None]])
    worker.call([["add", [1, 1]]])
    begun |= _below(os.getpid()) - others
    worker.close()
    _wait_until_gone(begun)
    worker.close()  # twice is once


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_ends_with_who_has_started_it(kind: Kind) -> None:
    require(kind)
    code = (
        "from rlsr.sandbox import Limits, Worker\n"
        f"worker = Worker('def grade(a, b): return 1', 'grade', {kind!r}, Limits())\n"
        "print('begun', flush=True)\n"
        "worker.call([[0, 0]])\n"
        "input()\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert starter.stdout is not None
    assert starter.stdin is not None
    assert starter.stdout.readline() == b"begun\n"
    begun = _below(starter.pid)
    assert begun
    starter.kill()
    starter.wait()
    starter.stdout.close()
    starter.stdin.close()
    _wait_until_gone(begun)


def _wait_until_gone(processes: set[int]) -> None:
    deadline = time.monotonic() + 20
    while _running() & processes and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _running() & processes


def _running() -> set[int]:
    return {pid for pid, _ in _table()}


def _below(starter: int) -> set[int]:
    """List the processes of sandboxes that a process has started, directly or not."""
    found = {starter}
    table = _table()
    while True:
        more = {pid for pid, parent in table if parent in found} - found
        if not more:
            return found - {starter}
        found |= more


def _table() -> list[tuple[int, int]]:
    """List the processes of sandboxes, each with its parent."""
    done = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)  # fmt: skip
    rows = [line.split(None, 2) for line in done.stdout.splitlines()]
    return [(int(row[0]), int(row[1])) for row in rows if "sandbox/inside.py" in row[-1] and "<defunct>" not in row[-1]]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def grad(sample, item): return 1", "TypeError: there is no function grade"),
        ("grade = 3", "TypeError: there is no function grade"),
        ("def grade(", "SyntaxError: '(' was never closed"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name', line 1"),
        ("raise SystemExit(0)", "SystemExit: 0, line 1"),
    ],
)  # fmt: skip
def test_a_source_that_fails_is_refused(source: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        Worker(source, "grade", "limits", limits())
    assert message in str(caught.value)


def test_a_missing_bubblewrap_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert choose_kind("auto", "reward.sandbox") == "limits"
    with pytest.raises(ConfigError) as caught:
        choose_kind("bubblewrap", "reward.sandbox")
    assert str(caught.value) == (
        "reward.sandbox: must be a sandbox that works on this machine, got bubblewrap, and bwrap is not installed (Debian and Ubuntu: "
        "apt install bubblewrap); mend that, or use reward.sandbox=limits, which contains less (docs/rewards.md)"
    )


def test_a_bubblewrap_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("bwrap") == str(tmp_path / "bwrap")
    assert choose_kind("auto", "reward.sandbox") == "limits"
    with pytest.raises(ConfigError, match="it fails: no permission"):
        choose_kind("bubblewrap", "reward.sandbox")
