"""What a command says last: what to do with what it left."""

import shlex
from pathlib import Path

from rich.console import Console


def show_report_command(console: Console, path: Path) -> None:
    """Say which command writes a page of a run, stages, an evaluation or a comparison.

    Args:
        console: Where to.
        path: Their directory.
    """
    report = shlex.join(["rlsr", "report", str(path)])
    console.print(f"`{report}` writes a page of it", markup=False)


def show_model_commands(console: Console, path: Path) -> None:
    """Say which commands talk to a trained policy, and write it for other programs.

    Args:
        console: Where to.
        path: Of the run or the stages.
    """
    chat = shlex.join(["rlsr", "chat", str(path), "--against", "base"])
    export = shlex.join(["rlsr", "export", str(path), "--to", "my-model"])
    console.print(f"`{chat}` talks to the model, `{export}` writes it for others", markup=False)
