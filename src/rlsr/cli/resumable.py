"""What a command says when it is interrupted: how to go on."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from rlsr.errors import BudgetError
from rlsr.interruption import Interrupted, number_of


@contextmanager
def resumable(console: Console, command: str, path: Path) -> Iterator[None]:
    """Say how to go on where a run is interrupted, or has used up its budget at a server.

    An interrupted one ends with the exit code of its signal; the other one with its error.

    Args:
        console: Where to.
        command: What resumes it, as in ``train``.
        path: The directory of the run or of the stages.

    Yields:
        Nothing.
    """
    try:
        yield
    except KeyboardInterrupt as interruption:
        console.print(f"\n{how_to_go_on(interruption, command, path)}", markup=False)
        raise typer.Exit(code=128 + number_of(interruption)) from None
    except BudgetError as error:
        if _is_begun(path):
            resume = shlex.join(["rlsr", command, "--resume", "--out", str(path), error.way_out])
            console.print(f"\n`{resume}` goes on with a larger budget", markup=False)
        raise


def how_to_go_on(interruption: KeyboardInterrupt, command: str, path: Path) -> str:
    """Say what an interruption has left, and how to go on with it.

    Args:
        interruption: With the step that was saved, if one was.
        command: What resumes it.
        path: The directory of the run or of the stages, there or not.
    """
    if not _is_begun(path):
        return "interrupted before anything was written; give the same command again"
    resume = shlex.join(["rlsr", command, "--resume", "--out", str(path)])
    if isinstance(interruption, Interrupted) and interruption.step is not None:
        return f"interrupted; step {interruption.step} is saved, and `{resume}` goes on from it"
    return f"interrupted; `{resume}` goes on from what is saved"


def _is_begun(path: Path) -> bool:
    """Say whether there is a run, stages, or an evaluation of several models to go on with."""
    from rlsr.comparison.evaluate_models import asks_models
    from rlsr.runs.pipeline_directory import PipelineDirectory

    return (path / "config.json").is_file() or PipelineDirectory.is_one(path) or asks_models(path)
