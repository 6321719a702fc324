"""Trackers beside a run that goes on: each in a process of its own, which may fail, hang or be killed without the run knowing much of it."""

import logging
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rlsr.engines import SilentObserver
from rlsr.runs.followed import FollowedRun
from rlsr.tracking import live
from rlsr.tracking.live import tracked
from rlsr.tracking.progress import progress_file, read_progress, tracker_log
from tracked_runs import GrowingRun, calls_in, steps_in, write_trackers

LONG_S = 60
"""Nobody waits that long: what ends, ends sooner."""


@pytest.fixture
def notes(tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where trackers write down what they are told; their processes find their package."""
    write_trackers(packages)
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(packages), known])))
    return tmp_path / "notes"


class Listener(SilentObserver):
    """Writes down what an observer is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []

    def on_stage(self, name: str) -> None:
        self.heard.append(("stage", name))

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        self.heard.append(("step", step))

    def on_finding(self, level: str, words: str) -> None:
        self.heard.append((level, words))


def until(file: Path, seconds: float = LONG_S) -> None:
    """Wait for what another process writes."""
    end = time.monotonic() + seconds
    while not file.is_file() and time.monotonic() < end:
        time.sleep(0.02)
    assert file.is_file()


def test_one_tracker_hears_all_while_another_fails_at_every_call(
    tmp_path: Path, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    growing = GrowingRun(
        tmp_path / "run",
        f"tracking=[{{type: one, file: {notes}, samples: 0}}, {{type: two, file: {notes}2, fails_at: 1}}]",
    )
    listener = Listener()
    with tracked(growing.run, growing.config, listener, patience_s=LONG_S) as observer:
        observer.on_stage("training")
        until(notes)
        until(progress_file(growing.run.path, "two"))
        for step in (1, 2):
            growing.step(step)
            observer.on_step(step, 2, {})
            observer.on_progress(step, 2)
        growing.end()
    calls = calls_in(notes)
    assert steps_in(calls) == [1, 2]
    assert calls[-1] == ["finish", True, {"num_steps": 3.0}]
    assert [word for word in listener.heard if word[0] != "note"] == [
        ("stage", "training"), ("step", 1), ("step", 2),
    ]  # fmt: skip
    assert calls_in(Path(f"{notes}2")) == []
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith(
        "tracking: two: failed (ConnectionError: no way to the server, api_key=[secret]); the run goes on without it. "
    )
    assert f"`rlsr track {growing.run.path}` sends what is missing" in said[1]
    assert "2 of 2 steps were not sent" in said[1]
    log = tracker_log(growing.run.path, "two").read_text()
    assert "Traceback" in log
    assert "0123456789abcdef" not in log


@pytest.mark.slow
def test_a_tracker_that_hangs_delays_the_end_by_its_patience_alone(
    tmp_path: Path, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = f"tracking=[{{type: one, file: {notes}, samples: 0, hangs_at: 3}}]"
    growing = GrowingRun(tmp_path / "run", written)
    with tracked(growing.run, growing.config, SilentObserver(), patience_s=0.3) as observer:
        growing.step(1)
        observer.on_step(1, 1000, {})
        until(notes)
        began = time.monotonic()
        for step in range(2, 1000):
            growing.run.append_metrics({"step": step, "reward/mean": 0.5})
            observer.on_step(step, 1000, {})
        # It reads nothing of what it is told, and nobody waits for that.
        assert time.monotonic() - began < LONG_S / 4
        began = time.monotonic()
    assert time.monotonic() - began < LONG_S / 4
    [said] = [record.getMessage() for record in caplog.records]
    assert "tracking: one: not done 0.3 s after the end; " in said
    missing = 999 - read_progress(growing.run.path, "one").step
    assert missing > 990
    assert f"{missing} of 999 steps were not sent" in said


@pytest.mark.slow
def test_a_tracker_that_was_killed_is_missed_once_and_goes_on_with_the_run(
    tmp_path: Path, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    growing = GrowingRun(tmp_path / "run", f"tracking=[{{type: one, file: {notes}, samples: 0}}]")
    with tracked(growing.run, growing.config, SilentObserver(), patience_s=LONG_S) as observer:
        assert isinstance(observer, live._Beside)
        [child] = observer._children
        until(notes)
        child.process.send_signal(signal.SIGINT)  # Ctrl-C is not for it
        growing.step(1)
        observer.on_step(1, 4, {})
        while steps_in(calls_in(notes)) != [1]:
            time.sleep(0.02)
        child.process.kill()
        child.process.wait()
        for step in (2, 3):
            growing.step(step)
            observer.on_step(step, 4, {})
    said = [record.getMessage() for record in caplog.records]
    assert ": failed (its process ended with code -9)" in said[0]
    assert "2 of 3 steps were not sent" in said[1]
    assert len(said) == 2
    with tracked(growing.run, growing.config, SilentObserver(), patience_s=LONG_S) as observer:
        growing.step(4)
        observer.on_step(4, 4, {})
        growing.end()
    calls = calls_in(notes)
    assert steps_in(calls) == [1, 2, 3, 4]
    assert [call[3] for call in calls if call[0] == "open"] == [None, "new"]


def test_nothing_is_started_where_nothing_is_tracked_or_another_process_writes(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_start", lambda *_: pytest.fail("a process was started"))
    observer = SilentObserver()
    alone = GrowingRun(tmp_path / "alone")
    with tracked(alone.run, alone.config, observer) as watcher:
        assert watcher is observer
    growing = GrowingRun(tmp_path / "run", f"tracking=[{{type: one, file: {notes}}}]")
    with tracked(FollowedRun(growing.run.path, 1), growing.config, observer) as watcher:
        assert watcher is observer


def test_a_process_that_cannot_be_started_is_said(
    tmp_path: Path, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    growing = GrowingRun(tmp_path / "run", f"tracking=[{{type: one, file: {notes}}}]")
    (growing.run.path / "tracking").write_text("in the way")
    with (
        caplog.at_level(logging.WARNING),
        tracked(growing.run, growing.config, SilentObserver()) as observer,
    ):
        observer.on_step(1, 1, {})
    [said] = [record.getMessage() for record in caplog.records]
    assert "tracking: one: cannot be started (" in said
