"""How a resumed run cuts its steps."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rlsr.config import RunConfig
from rlsr.engines.memory import MemoryPlan, StepCut
from rlsr.pipeline.plan import RunPlan
from rlsr.pipeline.resume import step_cut
from rlsr.runs import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", RunConfig())


def plan(tokens: int, rows: int | None = None, *notices: str) -> RunPlan:
    memory = MemoryPlan(StepCut(tokens, rows), peak_gb=1.0, notices=notices)
    return cast("RunPlan", cast("Any", SimpleNamespace(memory=memory)))


def shape(run: RunDirectory, now: RunPlan) -> tuple[int, int | None]:
    found = step_cut(run, now)
    return found.tokens_per_pass, found.rows_at_a_time


def test_the_first_session_follows_its_plan(run: RunDirectory) -> None:
    assert shape(run, plan(700, 16)) == (700, 16)


@pytest.mark.parametrize(
    "now",
    [
        plan(700),
        plan(200),
        plan(900, 32),
        # Less memory than it would like, and still enough for what the first session did.
        plan(400, 8, "a pass of 789 tokens would need more"),
    ],
)
def test_a_later_session_cuts_as_the_first_did(run: RunDirectory, now: RunPlan) -> None:
    run.write_provenance(asdict(StepCut(300, 16)))
    assert shape(run, now) == (300, 16)
    run.write_provenance(asdict(StepCut(100, None)))
    assert shape(run, now) == (300, 16), "the first session decides, not the last"


def test_what_no_longer_fits_is_cut_anew(run: RunDirectory) -> None:
    run.write_provenance(asdict(StepCut(700, None)))
    assert shape(run, plan(400, 8, "a pass of 789 tokens would need more")) == (400, 8)


def test_a_run_of_an_earlier_version_follows_the_plan(run: RunDirectory) -> None:
    run.write_provenance({"device": "cpu"})
    assert shape(run, plan(700, 16)) == (700, 16)
