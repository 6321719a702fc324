"""``rlsr watch`` shows a run in the terminal while it goes on, or after."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError, MissingPackageError, RunError
from rlsr.packages import package_directory

if TYPE_CHECKING:
    from rlsr.runs.growing import GrowingRun

_WAIT_SECONDS = 1.0


def watch(
    run: Annotated[
        Path,
        typer.Argument(help="A run, or the directory of stages.", show_default=False),
    ],
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Print what is there now, and end; as where there is no terminal."
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a run that was not begun yet.")
    ] = False,
) -> None:
    """Look at a run while it goes on, or after: curves, held-out metrics, monitors, responses, the time left.

    It only reads; q leaves. Tab or 1 to 4 choose a view, s another stage, and the arrow keys walk through the responses of earlier steps.
    """
    # Late: it takes a while to import, and a wrong argument should be answered at once.
    from rlsr.runs.growing import GrowingRun

    growing = GrowingRun(run)
    if not wait:
        _require_run(growing)
    if not once and _is_screen():
        _show(growing)
        return
    while wait and not _is_there(growing):
        time.sleep(_WAIT_SECONDS)
    from rlsr.watch import print_snapshot

    print_snapshot(open_console(), growing)


def _require_run(growing: "GrowingRun") -> None:
    """Refuse what is no run, before the screen is taken."""
    path = growing.path
    if any((path / file).is_file() for file in ("experiment.json", "compare.json")):
        raise RunError(
            f"{path}: a comparison is watched one run at a time; name one, as in {path / 'runs' / 'RECIPE' / 'seed-0'}"
        )
    if not path.exists():
        raise RunError(
            f"{path}: there is no such directory; name that of a run, or wait for it with --wait"
        )
    growing.look()


def _is_there(growing: "GrowingRun") -> bool:
    try:
        return growing.look() is not None
    except RunError:
        if growing.path.exists():
            raise
        return False


def _is_screen() -> bool:
    """Say whether there is a terminal to draw on, with a keyboard to leave it."""
    is_dumb = os.environ.get("TERM", "") in {"", "dumb", "unknown"}
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb


def _show(growing: "GrowingRun") -> None:
    if package_directory("textual") is None:
        raise MissingPackageError(
            "textual",
            "watch a run in the terminal (--once prints it without)",
            "pip install 'rlsr[watch]'",
        )
    encoding = sys.stdout.encoding
    if encoding.lower().replace("-", "") != "utf8":
        raise ConfigError(
            f"the terminal's encoding must be UTF-8 to draw curves, got {encoding}; set LANG=C.UTF-8, or print what is there with --once"
        )
    from rlsr.watch.app import WatchApp

    app = WatchApp(growing)
    app.run()
    if app.return_code:
        raise typer.Exit(code=app.return_code)
