"""``rlsr report`` writes a page on runs, pipelines or a comparison."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rlsr.errors import RunError
from rlsr.printable import printable

FILE_NAME = "report.html"
"""Of a report inside the directory that it is on; rlsr writes no other file of this name, so that it is replaced."""


def report(
    directories: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIRECTORY",
            help="Runs and pipelines, side by side, or one comparison.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help=f"Where to; DIRECTORY/{FILE_NAME} if not given. Needed for several directories.",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Write the page anew while its runs go on; it loads itself again in the browser. Ends with the runs, or by Ctrl-C.",
        ),
    ] = False,
) -> None:
    """Write what runs did, and how their answers compare, as one page that opens without a network."""
    file = _choose_file(directories, out)
    # Late: it takes a while to import, and a wrong argument should be answered at once.
    from rlsr.report import follow_report, write_report

    def say(words: str) -> None:
        print(printable(words), flush=True)

    write = partial(follow_report, say=say) if follow else write_report
    for notice in write(file, directories):
        print(printable(f"warning: {notice}"), file=sys.stderr)
    print(printable(f"report: {file} ({file.stat().st_size / 1e6:.1f} MB)"))


def _choose_file(directories: list[Path], out: Path | None) -> Path:
    if out is None:
        if len(directories) > 1:
            raise RunError(
                f"--out: {len(directories)} directories have no common place for their report; name one with --out FILE.html"
            )
        return directories[0] / FILE_NAME
    if out.exists():
        raise RunError(
            f"{out}: exists already, and nothing is overwritten; name another with --out"
        )
    if not out.parent.is_dir():
        raise RunError(
            f"{out}: the directory {out.parent} does not exist; make it, or name another with --out"
        )
    return out
