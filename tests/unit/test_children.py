"""Processes that a command has started end with it, also when it is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from rlsr.children import environment_of_child

CHILD = """
import sys, time
from rlsr import children
if {watched}:
    children._told_by_system = lambda: False
    children._SECONDS_BETWEEN_LOOKS = 0.05
print(children.end_with_starter(), flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys
from rlsr.children import environment_of_child
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=environment_of_child(), stdout=subprocess.PIPE)
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
child.wait()
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that nobody waits for stays as a name.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)  # noqa: PLW1510
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith("Z")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("watched", [False, True])
def test_a_child_ends_with_a_parent_that_is_killed(watched: bool) -> None:
    command = [sys.executable, "-c", PARENT, CHILD.format(watched=watched)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        number, has_starter = parent.stdout.readline().split()
        assert has_starter == "True"
        assert is_running(int(number))
        parent.kill()
    end = time.monotonic() + 20
    while is_running(int(number)):
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.02)


def test_a_child_whose_parent_was_quicker_ends_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    environment = {**environment_of_child(), "RLSR_STARTER": str(gone.pid)}
    result = subprocess.run(
        [sys.executable, "-c", CHILD.format(watched=False)],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, b"")


def test_a_command_that_nobody_of_ours_has_started_stands_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rlsr.children import end_with_starter

    for name in ("RLSR_STARTER", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert not end_with_starter()
