"""The process that tells one tracker of one run while it goes on: ``python -m rlsr.tracking.child DIRECTORY TRACKER``.

A library that hangs, crashes, or takes Ctrl-C for itself does so here, and not where a policy is trained. The run's own process says
on standard input which step is whole, and ends it by closing that; whatever comes too fast waits in the files of the run.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from rlsr.runs.directory import RunDirectory
from rlsr.secrets import redact
from rlsr.tracking.progress import alone_with, note_failure
from rlsr.tracking.sender import Sender
from rlsr.tracking.table import tracker_name

PATIENCE_S = 10
"""Seconds that a tracker has after the end of its run."""
END = b"end\n"
"""Said at the end, for where another process holds standard input open."""


def main() -> None:
    """Tell a tracker of a run until the run ends."""
    run, name = RunDirectory(Path(sys.argv[1])), sys.argv[2]
    # They are meant for the process that trains, which says when it has ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        with alone_with(run.path, name):
            _follow(run, name, sys.stdin.buffer)
    except Exception as error:  # noqa: BLE001 - a library may raise anything, and the run's process is told what it was
        print(redact(traceback.format_exc()), file=sys.stderr, flush=True)  # noqa: T201 - into the tracker's log
        words = " ".join(redact(f"{type(error).__name__}: {error}").split())
        note_failure(run.path, name, words)
        # At once: what the library would do at the end of a process may hang as well.
        os._exit(1)


def _follow(run: RunDirectory, name: str, told: Iterable[bytes]) -> None:
    config = run.read_config()
    [settings] = [one for one in config.tracking if tracker_name(one) == name]
    sender = Sender(run, config, settings, process=os.getppid())
    step = 0
    for line in told:
        if line == END:
            break
        step = max(step, int(line))
        sender.send(step)
    _end_soon()
    sender.finish()


def _end_soon() -> None:
    """Let the system end this process by force, should the tracker hang and nobody be left who would do so."""
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(2 * PATIENCE_S)


if __name__ == "__main__":
    main()
