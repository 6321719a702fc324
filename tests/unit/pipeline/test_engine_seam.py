"""A run with an engine that trains elsewhere: it gets a model's name, and gives a directory back."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from rlsr.config import RunConfig, load_config
from rlsr.engines import TrainingObserver, table
from rlsr.engines.estimate import TimeEstimate, Workload
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import MemoryPlan, StepCut
from rlsr.errors import EngineError
from rlsr.models import Device
from rlsr.pipeline import estimate_run, plan_run, train_run
from rlsr.processes import Processes
from rlsr.runs import RunDirectory


class Elsewhere:
    """Learns nothing; what it trains on and where it leaves the model is all that it knows."""

    def __init__(self) -> None:
        self.jobs: list[TrainingJob] = []

    def check(self, config: RunConfig, *, device: Device, processes: Processes) -> None:
        if config.engine.options:
            raise EngineError(f"engine.options: there are none, got {config.engine.options}")

    def plan(self, config: RunConfig, **_: Any) -> MemoryPlan:
        return MemoryPlan(StepCut(7), peak_gb=1.5, notices=())

    def estimate(self, config: RunConfig, work: Workload, *, device: Device) -> TimeEstimate:
        return TimeEstimate(step_seconds=work.num_steps, total_minutes=1)

    def train(self, job: TrainingJob, *, resume: bool, observer: TrainingObserver) -> Path:
        self.jobs.append(job)
        for step in range(1, job.num_steps + 1):
            metrics = {"time/step": 0.5, "tokens/trained": 3.0}
            job.run.append_metrics({"step": step, "memory/peak_gb": 0.1, **metrics})
            observer.on_step(step, job.num_steps, metrics)
        shutil.copytree(job.config.model.name, job.run.final)
        return job.run.final


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    engine = Elsewhere()
    monkeypatch.setattr(table, "ENGINES", {"trl": engine})
    return engine


def test_the_pipeline_needs_no_more_of_an_engine(
    engine: Elsewhere, tiny_settings: list[str], tmp_path: Path
) -> None:
    plan = plan_run(load_config(overrides=tiny_settings))
    assert plan.memory.cut.tokens_per_pass == 7
    assert estimate_run(plan).step_seconds == 3
    summary = train_run(plan, tmp_path / "run")
    (job,) = engine.jobs
    assert (job.config, job.num_steps, job.cut) == (plan.config, 3, StepCut(7))
    run = RunDirectory(tmp_path / "run")
    assert run.read_evaluation("before") == run.read_evaluation("after"), "the same model"
    assert summary.num_steps == 3
    assert run.read_manifest()["final"] == "final"
    assert (run.final / "README.md").is_file()


def test_what_an_engine_cannot_do_is_refused_before_anything_is_written(
    engine: Elsewhere, tiny_settings: list[str]
) -> None:
    with pytest.raises(EngineError, match=r"engine\.options: there are none"):
        plan_run(load_config(overrides=[*tiny_settings, "engine.options.x=1"]))
    assert engine.jobs == []
