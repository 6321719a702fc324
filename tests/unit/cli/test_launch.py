"""The command line of each of several processes."""

from pathlib import Path

import pytest

from rlsr.cli.launch import command_of_a_process

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
