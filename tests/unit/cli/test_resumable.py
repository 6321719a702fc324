"""What is said of an interruption, and with which code a command ends."""

import signal
from pathlib import Path

import pytest
import typer

from rlsr.cli.resumable import how_to_go_on, resumable
from rlsr.cli.terminal import open_console
from rlsr.interruption import Interrupted


def test_where_nothing_was_written_there_is_nothing_to_resume(tmp_path: Path) -> None:
    (tmp_path / "owner.json").touch()
    for path in (tmp_path, tmp_path / "none"):
        assert "before anything was written" in how_to_go_on(Interrupted(), "train", path)


@pytest.mark.parametrize("file", ["config.json", "pipeline.json"])
def test_the_command_that_goes_on_can_be_pasted(file: str, tmp_path: Path) -> None:
    path = tmp_path / "my run"
    path.mkdir()
    (path / file).touch()
    command = f"`rlsr evaluate --resume --out '{path}'`"
    said = how_to_go_on(KeyboardInterrupt(), "evaluate", path)
    assert said == f"interrupted; {command} goes on from what is saved"
    said = how_to_go_on(Interrupted(signal.SIGTERM, step=3), "evaluate", path)
    assert said == f"interrupted; step 3 is saved, and {command} goes on from it"


@pytest.mark.parametrize(
    ("interruption", "code"),
    [(KeyboardInterrupt(), 130), (Interrupted(), 130), (Interrupted(signal.SIGTERM), 143)],
)
def test_the_exit_code_is_that_of_the_signal(
    interruption: KeyboardInterrupt, code: int, tmp_path: Path
) -> None:
    with (
        pytest.raises(typer.Exit) as caught,
        resumable(open_console(quiet=True), "train", tmp_path),
    ):
        raise interruption
    assert caught.value.exit_code == code
