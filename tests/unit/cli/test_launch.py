"""The command line of each of several processes."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from rlsr.cli import launch
from rlsr.cli.launch import command_of_a_process, run_together
from rlsr.interruption import Interrupted, Leaving

OUT = Path("runs/a run")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "a.yaml", "--processes", "2"], ["train", "a.yaml", "--out", "runs/a run"]),
        (["train", "--processes=2", "x=1"], ["train", "x=1", "--out", "runs/a run"]),
        (["train", "--processes", "2", "--out", "b", "x=1"], ["train", "--out", "b", "x=1"]),
        (["train", "--out=b", "--processes", "2"], ["train", "--out=b"]),
    ],
)
def test_the_option_goes_and_the_directory_comes(arguments: list[str], expected: list[str]) -> None:
    assert command_of_a_process(arguments, OUT) == expected


def script(text: str) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-c", text], dict(os.environ)


def test_all_that_end_well_end_well() -> None:
    assert run_together([script(""), script("import time; time.sleep(0.2)")]) == (0, 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [("import sys; sys.exit(2)", 2), ("import os; os.kill(os.getpid(), 9)", -9)],
)
def test_one_that_fails_ends_those_that_wait_for_it(
    text: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_PATIENCE_SECONDS", 0.3)
    started = time.monotonic()
    assert run_together([script("import time; time.sleep(60)"), script(text)]) == (1, code)
    assert time.monotonic() - started < 30


def test_a_signal_is_passed_on_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_PATIENCE_SECONDS", 0.0)
    saves = """
import pathlib, signal, sys, time
file = pathlib.Path(sys.argv[1])
def save(number, frame):
    time.sleep(float(sys.argv[2]))
    file.write_text(str(number))
    sys.exit(128 + number)
signal.signal(signal.SIGTERM, save)
file.with_suffix(".ready").touch()
time.sleep(60)
"""
    files = [tmp_path / str(place) for place in range(2)]
    commands = [
        ([sys.executable, "-c", saves, str(file), seconds], dict(os.environ))
        for file, seconds in zip(files, ["1", "0"], strict=True)
    ]

    def interrupt() -> None:
        while not all(file.with_suffix(".ready").exists() for file in files):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    Leaving().install()
    try:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(Interrupted):
            run_together(commands)
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [file.read_text() for file in files] == ["15", "15"]
