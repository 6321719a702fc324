"""Trackers beside a run: a process for each, which reads what the run writes. Training waits for none of them."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rlsr.config.run import RunConfig
from rlsr.engines.observer import TrainingObserver
from rlsr.errors import RunError
from rlsr.runs.directory import RunDirectory
from rlsr.runs.followed import FollowedRun
from rlsr.tracking.child import END, PATIENCE_S
from rlsr.tracking.progress import Progress, read_progress, tracker_log
from rlsr.tracking.table import tracker_name

logger = logging.getLogger(__name__)


@contextmanager
def tracked(
    run: RunDirectory,
    config: RunConfig,
    observer: TrainingObserver,
    *,
    patience_s: float = PATIENCE_S,
) -> Iterator[TrainingObserver]:
    """Track a run within the block.

    Args:
        run: Its directory, with the config written.
        config: The resolved config.
        observer: Who watches besides.
        patience_s: Seconds that all trackers together have at the end.

    Yields:
        Who is to be told what the run does.
    """
    if not config.tracking or isinstance(run, FollowedRun):
        yield observer
        return
    beside = _Beside(run, config, observer)
    try:
        yield beside
    finally:
        beside.close(patience_s)


@dataclass
class _Child:
    """A tracker and the process that tells it."""

    name: str
    process: "subprocess.Popen[bytes]"
    is_left_alone: bool = False
    is_found: bool = False

    def tell(self, words: bytes) -> None:
        """Say something, unless nobody listens or too much waits to be heard: the next word says all."""
        assert self.process.stdin is not None, "it was asked for"
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self.process.stdin.fileno(), words)


class _Beside:
    """Passes on what a run does, and lets the trackers' processes know that there is something new.

    Args:
        run: The run.
        config: Its resolved config.
        observer: Who watches besides.
    """

    def __init__(self, run: RunDirectory, config: RunConfig, observer: TrainingObserver) -> None:
        self._run, self._observer = run, observer
        names = map(tracker_name, config.tracking)
        self._children = [child for name in names if (child := _start(run, name)) is not None]
        self._step = 0
        self.on_progress = observer.on_progress
        self.on_finding = observer.on_finding

    def on_stage(self, name: str) -> None:
        """Pass on what begins: what was before it is done.

        Args:
            name: In words.
        """
        self._tell()
        self._observer.on_stage(name)

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Pass on the numbers of a step, which the run's files have.

        Args:
            step: Counted from 1.
            num_steps: Steps of the whole run.
            metrics: As in ``metrics.jsonl``.
        """
        self._step = step
        self._tell()
        self._observer.on_step(step, num_steps, metrics)

    def close(self, patience_s: float) -> None:
        """Let the trackers hear the end, and wait for them, but not for long.

        Args:
            patience_s: Seconds for all of them.
        """
        until = time.monotonic() + patience_s
        for child in self._children:
            child.tell(END)
            assert child.process.stdin is not None, "it was asked for"
            child.process.stdin.close()
        try:
            for child in self._children:
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.0, until - time.monotonic()))
        finally:
            for child in self._children:
                self._end(child, patience_s)

    def _tell(self) -> None:
        for child in self._children:
            if child.is_left_alone:
                continue
            child.tell(b"%d\n" % self._step)
            if child.process.poll() is not None:
                self._leave_alone(child)
            elif not child.is_found and (place := self._progress(child).place):
                child.is_found = True
                self._observer.on_finding("note", f"tracked by {child.name}: {place}")

    def _leave_alone(self, child: _Child) -> None:
        child.is_left_alone = True
        reason = (
            self._progress(child).failure
            or f"its process ended with code {child.process.returncode}"
        )
        logger.warning(
            "tracking: %s: failed (%s); the run goes on without it. %s has the rest of what it said",
            child.name,
            reason,
            tracker_log(self._run.path, child.name),
        )

    def _end(self, child: _Child, patience_s: float) -> None:
        """Say what a tracker was not told, and end a process that hangs."""
        hangs = child.process.poll() is None
        if hangs:
            child.process.kill()
            child.process.wait()
        elif child.process.returncode and not child.is_left_alone:
            self._leave_alone(child)
        if not hangs and not child.process.returncode:
            return
        steps = self._steps()
        missing = sum(step > self._progress(child).step for step in steps)
        late = f"not done {patience_s:g} s after the end; " if hangs else ""
        logger.warning(
            "tracking: %s: %s%d of %d steps were not sent; `rlsr track %s` sends what is missing",
            child.name,
            late,
            missing,
            len(steps),
            self._run.path,
        )

    def _progress(self, child: _Child) -> Progress:
        try:
            return read_progress(self._run.path, child.name)
        except RunError:
            # The tracker's process says so.
            return Progress()

    def _steps(self) -> list[float]:
        try:
            return [row["step"] for row in self._run.read_metrics() if row["step"] > 0]
        except RunError:
            # The run says so.
            return []


def _start(run: RunDirectory, name: str) -> _Child | None:
    """Start a tracker's process; None, and a warning, where there can be none."""
    log = tracker_log(run.path, name)
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "rlsr.tracking.child", str(run.path), name],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is not for it.
                start_new_session=True,
            )
    except OSError as error:
        logger.warning(
            "tracking: %s: cannot be started (%s); the run goes on without it", name, error
        )
        return None
    assert process.stdin is not None, "it was asked for"
    os.set_blocking(process.stdin.fileno(), False)
    return _Child(name, process)
