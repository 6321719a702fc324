"""What is written and decided after a step, with numbers made by hand and no trainer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from rlsr.config import load_config
from rlsr.engines import SilentObserver
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import StepCut
from rlsr.engines.step_log import StepLog
from rlsr.errors import EngineError, RewardError
from rlsr.models import Policy
from rlsr.runs import RunDirectory

NAN = float("nan")
STEP = {
    "time/step": 2.0,
    "tokens/trained": 10.0,
    "optim/loss": 0.5,
    "optim/nll": 1.0,
    "reward/num_unscored": 0.0,
}


class Watcher(SilentObserver):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, Mapping[str, float | None]]] = []

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        self.seen.append((step, num_steps, metrics))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", load_config())


def log_of(
    run: RunDirectory, *overrides: str, values: list[float] | None = None
) -> tuple[StepLog, Watcher]:
    """Make a log; ``values`` are what the measurements on validation prompts give, one after another."""
    job = TrainingJob(
        config=load_config(overrides=["training.prompts_per_step=2", *overrides]),
        records=(),
        reward=cast("Any", None),
        run=run,
        device="cpu",
        num_steps=9,
        cut=StepCut(100),
        validate=None if values is None else lambda _: values.pop(0),
    )
    watcher = Watcher()
    return StepLog(job, watcher), watcher


def no_policy() -> Policy:
    raise AssertionError("nobody measures it")


def test_numbers_and_samples_are_written_and_shown(run: RunDirectory) -> None:
    log, watcher = log_of(run, "training.max_tokens=100")
    assert log.add(1, STEP, [{"response": "a"}], no_policy) is None
    assert run.read_metrics() == [{"step": 1, **STEP}]
    assert [file.name for file in run.samples.iterdir()] == ["step-000001.jsonl"]
    assert watcher.seen == [(1, 9, {**STEP, "budget/share": 0.1})]


def test_a_budget_ends_training_and_a_resumed_run_knows_it(run: RunDirectory) -> None:
    budget = "training.max_tokens=20"
    log, _ = log_of(run, budget)
    assert log.add(1, STEP, [], no_policy) is None
    reason = log.add(2, STEP, [], no_policy)
    assert reason is not None
    assert "training.max_tokens" in reason
    resumed, _ = log_of(run, budget)
    assert resumed.go_on_from(1) is None, "the second step was after the checkpoint"
    assert resumed.go_on_from(2) == reason


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
def test_a_lost_policy_ends_the_run(run: RunDirectory, name: str) -> None:
    log, _ = log_of(run)
    with pytest.raises(EngineError, match=f"step 7: {name} is not finite"):
        log.add(7, {**STEP, f"optim/{name}": NAN}, [], no_policy)
    assert run.read_metrics() == []


def test_a_reward_that_leaves_too_much_unscored_ends_the_run(run: RunDirectory) -> None:
    log, _ = log_of(run, "training.max_unscored_share=0.25", "method.num_generations=4")
    with pytest.raises(RewardError, match="5 of 8 responses were left unscored"):
        log.add(1, {**STEP, "reward/num_unscored": 5.0}, [], no_policy)
    assert len(run.read_metrics()) == 1, "what is known of them is on disk"
