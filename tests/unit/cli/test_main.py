"""What stands around all commands."""

import errno
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlsr.cli import main as entry
from rlsr.cli.main import SaidOnce


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("rlsr", logging.WARNING, "", 0, message, arguments, None)


def test_a_warning_is_shown_once() -> None:
    once = SaidOnce()
    assert once.filter(record("%d bad rows", 7))
    assert not once.filter(record("7 bad rows"))
    assert once.filter(record("%d bad rows", 8))
    assert not once.filter(record("%d bad rows", 7))
    assert SaidOnce().filter(record("7 bad rows"))


COMMAND = """
import os, typer
from rlsr.cli import main

app = typer.Typer()

@app.command()
def command() -> None:
    try:
        os.kill(os.getpid(), NUMBER)
    finally:
        print("put in order")

main.app = app
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_command_that_is_asked_to_end_puts_things_in_order(number: signal.Signals) -> None:
    # Where tests run in the background Ctrl-C is ignored, and a process would take that over.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = COMMAND.replace("NUMBER", str(int(number)))
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 128 + number
    assert result.stdout == "put in order\n"
    assert result.stderr == "interrupted\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS])
def test_a_disk_that_refuses_a_library_is_one_message_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "cache"))

    monkeypatch.setattr(entry, "app", refuse)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'cache'}: cannot be written: ")
    assert os.strerror(number)[1:] in said
    assert said.count("\n") == 1


def test_an_error_of_ours_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "somewhere")

    monkeypatch.setattr(entry, "app", fail)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):")
    assert "FileNotFoundError" in said
