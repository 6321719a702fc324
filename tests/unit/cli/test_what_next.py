"""What a command says last."""

import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from rlsr.cli.what_next import show_model_commands, show_report_command


@pytest.mark.parametrize(
    "path", ["runs/first", "runs/with space", "runs/[red]x[/red]", "runs/it's"]
)
def test_the_command_can_be_pasted(path: str) -> None:
    text = io.StringIO()
    show_report_command(Console(file=text, width=200), Path(path))
    command = text.getvalue().partition("`")[2].partition("`")[0]
    assert shlex.split(command) == ["rlsr", "report", path]
    text = io.StringIO()
    show_model_commands(Console(file=text, width=200), Path(path))
    _, chat, _, export, _ = text.getvalue().split("`")
    assert shlex.split(chat) == ["rlsr", "chat", path, "--against", "base"]
    assert shlex.split(export) == ["rlsr", "export", path, "--to", "my-model"]
