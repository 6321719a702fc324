"""What a tracker is told, in which order, and that nothing is told twice."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_packages import write_package
from rlsr.config import load_config
from rlsr.errors import ConfigError, RunError
from rlsr.tracking.progress import read_progress
from rlsr.tracking.sender import Sender
from rlsr.tracking.table import tracker_kind
from tracked_runs import GrowingRun, calls_in, heldout_change, steps_in, write_trackers


@pytest.fixture
def notes(tmp_path: Path, packages: Path) -> Path:
    """Where a tracker writes down what it is told."""
    write_trackers(packages)
    return tmp_path / "notes.jsonl"


def growing_run(path: Path, notes: Path, *more: str, **tracker: Any) -> GrowingRun:
    written = json.dumps({"type": "one", "file": str(notes), "samples": 2, **tracker})
    return GrowingRun(path, f"tracking=[{written}]", *more)


def sender_of(growing: GrowingRun) -> Sender:
    return Sender(growing.run, growing.config, growing.config.tracking[0])


def test_a_whole_run_is_told_in_order(tmp_path: Path, notes: Path) -> None:
    growing = growing_run(tmp_path / "run", notes, "evaluation.during=[0.5]")
    sender = sender_of(growing)
    growing.evaluate("before", 1.0, 2.0)
    growing.run.append_metrics({"step": 0, "validation/reward": 0.25})
    growing.step(1, **{"optim/kl": None})
    sender.send(1)
    growing.step(2, **{"tokens/share_cut": 0.9, "monitor/cut": 2.0})
    sender.send(2)
    growing.evaluate("step-000002", 3.0, math.nan)
    growing.evaluate("after", 5.0, 6.0)
    growing.end(heldout=[heldout_change("chrf", 1.5, 5.5)])
    sender.finish()
    calls = calls_in(notes)
    assert calls == [
        ["open", "run", None, None],
        ["numbers", 0, {"validation/reward": 0.25}],
        ["numbers", 1, {"reward/mean": 0.1}],
        ["samples", 1, ["1-5", "1-0"]],
        ["numbers", 0, {"heldout/chrf": 1.5}],
        ["numbers", 2, {"reward/mean": 0.2, "tokens/share_cut": 0.9, "monitor/cut": 2.0}],
        ["samples", 2, ["2-5", "2-0"]],
        ["finding", 2, "alarm", "cut"],
        ["numbers", 2, {"heldout/chrf": 3.0}],
        ["numbers", 2, {"heldout/chrf": 5.5}],
        [
            "finish",
            True,
            {"num_steps": 3.0, "heldout/chrf/before": 1.5, "heldout/chrf/after": 5.5, "heldout/chrf/difference": 4.0},
        ],
    ]  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None
)
@given(
    sent_after=st.sets(st.integers(0, 6)),
    restarts=st.sets(st.integers(0, 6)),
    repeated=st.integers(0, 3),
)
def test_however_often_it_is_told_it_is_told_the_same_once(
    tmp_path_factory: pytest.TempPathFactory,
    notes: Path,
    sent_after: set[int],
    restarts: set[int],
    repeated: int,
) -> None:
    """Sent as it goes on, over several sessions of which one takes steps again, or all at once at the end."""
    notes.unlink(missing_ok=True)
    place = tmp_path_factory.mktemp("sent")
    growing = growing_run(place / "run", notes)
    sender: Sender | None = sender_of(growing)
    steps = [*range(1, 5), *range(5 - repeated, 7)]
    for time, step in enumerate(steps):
        growing.step(step)
        if time in restarts or sender is None:
            sender = sender_of(growing)
        if time in sent_after:
            sender.send(step)
    sender = sender or sender_of(growing)
    sender.finish()
    calls = calls_in(notes)
    assert steps_in(calls) == [1, 2, 3, 4, 5, 6]
    assert [call[1] for call in calls if call[0] == "samples"] == [1, 2, 3, 4, 5, 6]


def test_a_slow_tracker_hears_of_the_answers_after_training_with_the_last_step(
    tmp_path: Path, notes: Path
) -> None:
    growing = growing_run(tmp_path / "run", notes)
    sender = sender_of(growing)
    growing.evaluate("before", 1.0)
    growing.step(1)
    growing.evaluate("after", 2.0)
    sender.send(0)
    growing.end()
    sender.finish()
    measured = [
        call[1:] for call in calls_in(notes) if call[0] == "numbers" and "heldout/chrf" in call[2]
    ]
    assert measured == [[0, {"heldout/chrf": 1.0}], [1, {"heldout/chrf": 2.0}]]


def test_a_run_that_goes_on_stays_the_same_run(tmp_path: Path, notes: Path) -> None:
    growing = growing_run(tmp_path / "run", notes)
    growing.evaluate("before", 1.0)
    growing.step(1)
    sender_of(growing).finish()
    growing.step(2)
    sender_of(growing).finish()
    calls = calls_in(notes)
    assert [call[3] for call in calls if call[0] == "open"] == [None, "new"]
    assert [call[1] for call in calls if call[0] == "finish"] == [False, False]
    assert steps_in(calls) == [1, 2]
    assert sum("heldout/chrf" in call[2] for call in calls if call[0] == "numbers") == 1


def test_what_failed_counts_as_not_sent(tmp_path: Path, notes: Path) -> None:
    growing = growing_run(tmp_path / "run", notes, fails_at=4, samples=0)
    for step in (1, 2, 3):
        growing.step(step)
    with pytest.raises(ConnectionError):
        sender_of(growing).send()
    assert read_progress(growing.run.path, "one").step == 2
    sender_of(growing).finish()
    assert steps_in(calls_in(notes)) == [1, 2, 3]


def test_a_process_that_was_killed_while_it_sent_sends_that_step_no_second_time(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = growing_run(tmp_path / "run", notes, samples=0)
    growing.step(1)
    sender = sender_of(growing)

    def die(*_: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(sender._tracker, "log_numbers", die)
    with pytest.raises(SystemExit):
        sender.send()
    growing.step(2)
    sender_of(growing).finish()
    assert steps_in(calls_in(notes)) == [2]


def test_another_place_is_told_everything(tmp_path: Path, notes: Path) -> None:
    growing = growing_run(tmp_path / "run", notes)
    growing.step(1)
    sender_of(growing).finish()
    other = growing.config.tracking[0].model_copy(update={"file": str(tmp_path / "other.jsonl")})
    Sender(growing.run, growing.config, other).finish()
    assert steps_in(calls_in(tmp_path / "other.jsonl")) == [1]
    fewer = other.model_copy(update={"samples": 1})
    Sender(growing.run, growing.config, fewer).finish()
    assert steps_in(calls_in(tmp_path / "other.jsonl")) == [1]


@pytest.mark.parametrize("content", ['{"step": "one"}', "[]", "{"])
def test_damaged_notes_are_named(tmp_path: Path, notes: Path, content: str) -> None:
    growing = growing_run(tmp_path / "run", notes)
    (growing.run.path / "tracking").mkdir()
    (growing.run.path / "tracking" / "one.json").write_text(content)
    with pytest.raises(RunError, match=r"tracking/one\.json: damaged.*restore the file"):
        sender_of(growing)


@pytest.mark.parametrize("named", ["object()", "type('K', (), {'config': Settings})"])
def test_settings_that_no_kind_reads_are_a_mistake_of_the_package(
    packages: Path, named: str
) -> None:
    code = (
        "from typing import Literal\nfrom rlsr.config.tracking import TrackerTable\n"
        "class Settings(TrackerTable):\n    type: Literal['odd'] = 'odd'\n"
        "class Kind:\n    config = Settings\n"
    )
    write_package(packages, "oddity", code, rlsr_trackers={"odd": "oddity:Kind"})
    config = load_config(overrides=["tracking=[odd]"])
    with pytest.raises(
        ConfigError, match=r"must be a rlsr\.tracking\.tracker\.TrackerKind with all its methods"
    ):
        tracker_kind(config.tracking[0])
