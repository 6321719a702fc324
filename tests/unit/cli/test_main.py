"""What stands around all commands."""

import logging
import signal
import subprocess
import sys

import pytest

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
