"""What stands around all commands."""

import logging

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
