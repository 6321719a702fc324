"""The log of a run beside the terminal's."""

import logging
from pathlib import Path

import pytest

from rlsr.errors import RunError
from rlsr.runs.log import log_to


def test_what_is_logged_within_the_block_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    logger = logging.getLogger("rlsr.somewhere")
    logger.warning("before")
    for message in ("first é", "second"):
        with log_to(file):
            logger.warning(message)
    logger.warning("after")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "WARNING rlsr.somewhere: first é",
        "WARNING rlsr.somewhere: second",
    ]


def test_an_error_ends_the_logging_too(tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(KeyError), log_to(tmp_path / "log.txt"):
        raise KeyError
    assert logging.getLogger().handlers == handlers


def test_a_log_that_cannot_be_written_says_nothing_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    with log_to(full):
        logging.getLogger("rlsr.somewhere").warning("a line")
    assert "Traceback" not in capsys.readouterr().err


def test_a_log_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match=r"nowhere/log.txt: cannot be written: no such file"),
        log_to(tmp_path / "nowhere" / "log.txt"),
    ):
        pass
