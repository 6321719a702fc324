"""What a run directory has that a tracker was not told yet."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlsr.errors import RunError
from rlsr.monitors.watch import level_columns, look, watched
from rlsr.runs.rows import HeldoutRow
from rlsr.tracking.news import (
    Findings,
    StepRows,
    evaluations_so_far,
    heldout_numbers,
    numbers_of,
    samples_of,
    summary_numbers,
)
from tracked_runs import GrowingRun, heldout_change

# Steps of sessions, each of which goes on from a checkpoint of the one before, and whether the rows are read after each step.
SESSIONS = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.booleans(), min_size=1, max_size=5)),
    min_size=1,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(sessions=SESSIONS)
def test_rows_that_are_read_as_they_come_are_those_that_count(
    tmp_path_factory: pytest.TempPathFactory, sessions: list[tuple[int, list[bool]]]
) -> None:
    growing = GrowingRun(tmp_path_factory.mktemp("rows") / "run")
    rows, seen, step = StepRows(growing.run), [], 0
    for back, reads in sessions:
        step = max(0, step - back)
        for session_row, read in enumerate(reads):
            step += 1
            growing.run.append_metrics({"step": step, "reward/mean": float(session_row)})
            if read:
                seen += [row["step"] for row in rows.new(math.inf)]
    seen += [row["step"] for row in rows.new(math.inf)]
    assert rows.so_far == growing.run.read_metrics()
    counted: list[float] = []
    for one_seen in seen:
        counted = [*(one for one in counted if one < one_seen), one_seen]
    assert counted == [row["step"] for row in rows.so_far], (
        "each was told, and those taken again once more"
    )


def test_a_step_that_is_not_whole_waits(tmp_path: Path) -> None:
    growing = GrowingRun(tmp_path / "run")
    rows = StepRows(growing.run)
    assert list(rows.new(math.inf)) == []
    growing.step(1)
    growing.step(2)
    assert [row["step"] for row in rows.new(1)] == [1]
    with growing.run.metrics_file.open("a") as stream:
        stream.write('{"step": 3, "rew')
    assert [row["step"] for row in rows.new(math.inf)] == [2]
    growing.step(3)
    assert [row["step"] for row in rows.new(math.inf)] == [3]


@pytest.mark.parametrize("line", ['{"step": 1', "[]", '{"reward/mean": 1}', '{"step": "one"}'])
def test_a_damaged_row_is_named(tmp_path: Path, line: str) -> None:
    growing = GrowingRun(tmp_path / "run")
    growing.run.metrics_file.write_text(line + "\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl:1: .*restore the file"):
        list(StepRows(growing.run).new(math.inf))


@settings(max_examples=25)
@given(row=st.dictionaries(st.text(), st.one_of(st.floats(), st.integers(-100, 100))))
def test_what_was_not_scored_is_left_out_and_never_becomes_0(row: dict[str, float]) -> None:
    numbers = numbers_of(row)
    assert numbers == {
        name: value for name, value in row.items() if name != "step" and math.isfinite(value)
    }


@given(
    rewards=st.lists(st.one_of(st.none(), st.integers(-5, 5).map(float)), max_size=12),
    count=st.integers(0, 8),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_the_best_and_the_worst_responses_are_shown(
    tmp_path_factory: pytest.TempPathFactory, rewards: list[float | None], count: int
) -> None:
    growing = GrowingRun(tmp_path_factory.mktemp("samples") / "run")
    rows = [{"prompt": "p", "response": str(n), "reference": "r", "reward": reward} for n, reward in enumerate(rewards)]  # fmt: skip
    growing.run.write_samples(1, rows)
    chosen = samples_of(growing.run, 1, count)
    scored = sorted((reward for reward in rewards if reward is not None), reverse=True)
    assert len(chosen) == min(count, len(rewards))
    assert len({one.response for one in chosen}) == len(chosen)
    found = [one.reward for one in chosen if one.reward is not None]
    assert found == sorted(found, reverse=True)
    if count and scored:
        assert found[0] == scored[0]
    if count > 1 and len(scored) > 1:
        assert found[-1] == scored[-1]
    # An unscored response takes nobody's place.
    assert len(found) == min(count, len(scored))


def test_a_step_without_samples_has_none(tmp_path: Path) -> None:
    assert samples_of(GrowingRun(tmp_path / "run").run, 7, 4) == []


def test_evaluations_come_in_the_order_of_the_steps(tmp_path: Path) -> None:
    growing = GrowingRun(tmp_path / "run")
    assert evaluations_so_far(growing.run, 0) == []
    for when in ("after", "step-000010", "step-000002", "before", "step-1000000", "gsm8k"):
        growing.evaluate(when, 1.0)
    found = evaluations_so_far(growing.run, 10)
    assert found == [("before", 0), ("step-000002", 2), ("step-000010", 10), ("after", 10)]
    assert evaluations_so_far(growing.run, 10**6)[-2:] == [("step-1000000", 10**6), ("after", 10**6)]  # fmt: skip


def heldout(*scores: float) -> list[HeldoutRow]:
    return [
        HeldoutRow(str(n), "p", "r", "a", {"chrf": s, "bleu": math.nan})
        for n, s in enumerate(scores)
    ]


def test_points_of_a_curve_are_of_the_same_prompts(tmp_path: Path) -> None:
    rows = heldout(1.0, math.nan, 4.0, 100.0)
    along = GrowingRun(
        tmp_path / "along", "evaluation.during=[0.5]", "evaluation.during_prompts=3"
    ).config
    assert heldout_numbers(rows, along) == {"heldout/chrf": 2.5}
    assert heldout_numbers(rows, GrowingRun(tmp_path / "ends").config) == {"heldout/chrf": 35.0}
    assert heldout_numbers(heldout(math.nan), along) == {}


def test_the_summary_has_what_was_measured() -> None:
    manifest: dict[str, Any] = {
        "num_steps": 3,
        "best_step": None,
        "peak_memory_gb": math.nan,
        "heldout": [heldout_change("chrf", 1.0, 3.0), {"name": "reward", "mean": 0.5}],
    }
    assert summary_numbers(manifest) == {
        "num_steps": 3.0,
        "heldout/chrf/before": 1.0,
        "heldout/chrf/after": 3.0,
        "heldout/chrf/difference": 2.0,
    }
    assert summary_numbers({}) == {}


def test_a_monitor_speaks_once_for_each_level(tmp_path: Path) -> None:
    config = GrowingRun(tmp_path / "run").config
    monitors, findings = watched(config), Findings(config)
    rows: list[dict[str, float]] = []
    said: list[tuple[str, str]] = []
    for step in range(1, 13):
        row = {"step": step, "tokens/share_cut": step / 12, "monitor/gone": 1.0}
        levels = level_columns(look([*rows, row], monitors))
        rows.append(row | levels)
        said += findings.new(rows)
    words = dict(said)
    assert [level for level, _ in said] == ["warn", "warn", "alarm"]
    assert said[0] == ("warn", "gone")
    assert words["alarm"].startswith("cut: ")
    assert "of the last responses were cut at method.max_response_tokens" in words["alarm"]
    quiet = GrowingRun(tmp_path / "quiet", "monitors.cut.action=log").config
    assert Findings(quiet).new(rows) == [("warn", "gone")]
