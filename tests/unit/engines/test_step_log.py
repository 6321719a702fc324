"""What is written and decided after a step, with numbers made by hand and no trainer."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from rlsr.config import load_config
from rlsr.engines import SilentObserver
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import StepCut
from rlsr.engines.step_log import StepLog
from rlsr.errors import EngineError, RewardError
from rlsr.models import Policy
from rlsr.remote.spending import Spent as Asked
from rlsr.remote.spending import spending_in
from rlsr.runs import RunDirectory
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.step_metrics import VALIDATION_BEHIND
from rlsr.runs.step_totals import Spent

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
        self.found: list[tuple[int, str, str]] = []

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        self.seen.append((step, num_steps, metrics))

    def on_finding(self, level: str, words: str) -> None:
        self.found.append((self.seen[-1][0], level, words.partition(":")[0]))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", load_config())


def log_of(
    run: RunDirectory,
    *overrides: str,
    values: Sequence[float | list[float]] | None = None,
    answer: Callable[[Policy], list[HeldoutRow]] | None = None,
) -> tuple[StepLog, Watcher]:
    """Make a log; ``values`` are what the measurements on validation prompts give, one after another."""
    given = list(values or ())
    job = TrainingJob(
        config=load_config(overrides=["training.prompts_per_step=2", *overrides]),
        records=(),
        reward=cast("Any", None),
        run=run,
        device="cpu",
        num_steps=9,
        cut=StepCut(100),
        validate=None if values is None else lambda _: {"reward": np.atleast_1d(given.pop(0))},
        answer_heldout=answer,
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


def test_what_was_asked_of_servers_so_far_is_written(run: RunDirectory) -> None:
    log, _ = log_of(run)
    with spending_in(run.path) as account:
        log.add(1, STEP, [], no_policy)
        account.add("reward.endpoint", Asked(4, 300, 1))
        log.add(2, STEP, [], no_policy)
        account.add("reward.translator", Asked(1, 50))
        log.add(3, STEP, [], no_policy)
    assert [{name: row[name] for name in row if name.startswith("judge/")} for row in run.read_metrics()] == [
        {},
        {"judge/calls": 4, "judge/tokens": 300, "judge/cached": 1},
        {"judge/calls": 5, "judge/tokens": 350, "judge/cached": 1},
    ]  # fmt: skip
    assert log.last_step == 3


def test_monitors_are_written_and_said_once_a_level(run: RunDirectory) -> None:
    log, watcher = log_of(run, "monitors={no_signal: {action: log}, cut: {action: stop}}")
    shares = [0.35, 0.35, 0.35, 0.35, 0.35, 0.35, 0.9, 0.9]
    reasons = [
        log.add(
            step,
            {**STEP, "tokens/share_cut": share, "advantage/share_without_signal": 1.0},
            [],
            no_policy,
        )
        for step, share in enumerate(shares, start=1)
    ]
    rows = run.read_metrics()
    assert [row.get("monitor/cut") for row in rows] == [None] * 4 + [1, 1, 1, 2]
    assert [row.get("monitor/no_signal") for row in rows] == [None] * 4 + [2] * 4
    assert watcher.found == [(5, "warn", "cut"), (8, "alarm", "cut")]
    assert [metrics.get("monitor/cut") for _, _, metrics in watcher.seen] == [None] * 4 + [1, 1, 1, 2]  # fmt: skip
    assert not any("monitor/no_signal" in metrics for _, _, metrics in watcher.seen)
    assert reasons[:7] == [None] * 7
    assert reasons[7] is not None
    assert reasons[7].startswith("monitors.cut: 57% of the last responses")
    resumed, _ = log_of(run, "monitors.cut.action=stop")
    assert resumed.go_on_from(8) == reasons[7]


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


class Saved:
    """A policy that is saved as the number of the step that it is at."""

    def __init__(self) -> None:
        self.step = 0

    def __call__(self) -> Policy:
        model: Any = torch.nn.Linear(1, 1)
        step = self.step
        model.device = torch.device("cpu")
        model.generation_config = None
        model.save_pretrained = lambda directory: (directory / "step").write_text(str(step))
        tokenizer = SimpleNamespace(save_pretrained=lambda directory: None)
        return Policy(model, tokenizer, "somewhere")


def take_steps(log: StepLog, policy: Saved, *steps: int) -> list[str | None]:
    reasons = []
    for step in steps:
        policy.step = step
        reasons.append(log.add(step, STEP, [], policy))
    return reasons


RULE = ["method=sft", "validation={num_prompts: 4, every_steps: 2, metric: reward}"]


def test_validation_measures_before_every_so_many_and_at_the_end(run: RunDirectory) -> None:
    log, watcher = log_of(run, *RULE, values=[0.5, 0.7, NAN, 0.6, 0.6, 0.1])
    policy = Saved()
    log.begin(0, policy)
    assert take_steps(log, policy, *range(1, 10)) == [None] * 9
    rows = run.read_metrics()
    assert [row["step"] for row in rows if "time/validation" in row] == [0, 2, 4, 6, 8, 9]
    assert [row["validation/reward"] for row in rows if "validation/reward" in row] == [
        0.5, 0.7, pytest.approx(NAN, nan_ok=True), 0.6, 0.6, 0.1,
    ]  # fmt: skip
    assert [step for step, _, _ in watcher.seen] == list(range(10))
    assert watcher.seen[4][2]["validation/reward"] is None, "unscored, and not 0"
    log.save_final(policy(), run.final)
    assert (run.final / "step").read_text() == "2"


def test_the_latest_weights_that_chance_does_not_tell_from_the_best_are_kept_after_a_resume_too(
    run: RunDirectory,
) -> None:
    before, best = [0.1, 0.2, 0.3, 0.2], [0.5, 0.6, 0.7, 0.8]
    near, far = [0.6, 0.5, 0.6, 0.85], [0.3, 0.5, 0.5, 0.7]
    log, _ = log_of(run, *RULE, values=[before, best, near, far, far, far])
    policy = Saved()
    log.begin(0, policy)
    take_steps(log, policy, *range(1, 6))
    log.on_checkpoint()
    take_steps(log, policy, *range(6, 10))

    def behind() -> dict[float, float]:
        rows = run.read_metrics()
        return {row["step"]: round(row[VALIDATION_BEHIND], 2) for row in rows if VALIDATION_BEHIND in row}  # fmt: skip

    assert behind() == {2: -9.0, 4: 0.24, 6: 5.2, 8: 5.2, 9: 5.2}
    log.save_final(policy(), run.final)
    assert (run.final / "step").read_text() == "4"
    again, _ = log_of(run, *RULE, values=[near, far, far])
    policy.step = 5
    again.begin(5, policy)
    take_steps(again, policy, *range(6, 10))
    assert behind() == {2: -9.0, 4: 0.24, 6: 0.24, 8: 5.2, 9: 5.2}, "the best is from before it"
    shutil.rmtree(run.final)
    again.save_final(policy(), run.final)
    assert (run.final / "step").read_text() == "6"


def test_where_nothing_could_be_scored_the_last_weights_are_kept(run: RunDirectory) -> None:
    log, _ = log_of(run, *RULE, values=[NAN] * 3)
    policy = Saved()
    log.begin(0, policy)
    take_steps(log, policy, 1, 2, 3, 4)
    run.final.mkdir()
    log.save_final(policy(), run.final)
    assert (run.final / "step").read_text() == "4"


def test_a_run_that_a_budget_ends_is_measured_there(run: RunDirectory) -> None:
    log, watcher = log_of(run, *RULE, "training.max_tokens=30", values=[0.5, 0.7, 0.8])
    policy = Saved()
    log.begin(0, policy)
    *others, last = take_steps(log, policy, 1, 2, 3)
    assert others == [None, None]
    assert "training.max_tokens" in str(last)
    assert run.read_metrics()[-1]["validation/reward"] == 0.8
    shares = [metrics["budget/share"] for _, _, metrics in watcher.seen]
    assert shares == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0]), "before the first step too"


def test_a_run_that_starts_again_does_not_measure_twice_before_its_first_step(
    run: RunDirectory,
) -> None:
    policy = Saved()
    log_of(run, *RULE, values=[0.5])[0].begin(0, policy)
    shutil.rmtree(run.best / "step-000000")
    again, _ = log_of(run, *RULE, values=[])
    again.begin(0, policy)
    assert len(run.read_metrics()) == 1
    assert (run.best / "step-000000" / "step").read_text() == "0", "saved again"


def test_held_out_prompts_are_answered_at_shares_of_the_budget_and_once(run: RunDirectory) -> None:
    row = HeldoutRow("a", "prompt", "reference", "response", {"chrf": 1.0})
    answered: list[int] = []
    policy = Saved()

    def answer(_: Policy) -> list[HeldoutRow]:
        answered.append(policy.step)
        return [row]

    def log() -> StepLog:
        settings = ["training.max_tokens=60", "evaluation.during=[0.1, 0.3, 0.5, 0.9]"]
        return log_of(run, *settings, answer=answer)[0]

    log().begin(0, policy)
    first = log()
    take_steps(first, policy, 1, 2, 3)
    assert answered == [1, 2, 3]
    resumed = log()
    resumed.go_on_from(1)
    take_steps(resumed, policy, 2, 3, 4, 5)
    assert answered == [1, 2, 3], "what was answered before the crash is there"
    take_steps(resumed, policy, 6)
    assert answered == [1, 2, 3, 6]
    found = run.read_evaluated_steps()
    assert [(step.spent, step.rows) for step in found] == [
        (Spent(2.0 * step, 10 * step, step), (row,)) for step in (1, 2, 3, 6)
    ]
    assert min(file.name for file in run.evaluation.iterdir()) == "step-000001.jsonl"


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


def test_skipped_updates_are_written_and_five_in_a_row_end_the_run(run: RunDirectory) -> None:
    log, _ = log_of(run)
    log.add(1, STEP, [], no_policy)
    log.on_checkpoint()
    lost = {**STEP, "optim/loss": NAN, "optim/grad_norm": NAN, "optim/skipped_updates": 1.0}
    for step in (2, 3, 4, 5):
        log.add(step, lost, [], no_policy)
    with pytest.raises(
        EngineError, match=r"not finite in 5 steps in a row.*last good one is of step 1"
    ):
        log.add(6, lost, [], no_policy)
    assert len(run.read_metrics()) == 6


def test_a_run_whose_last_step_was_as_unscored_as_all_others_ends_with_an_error(
    run: RunDirectory,
) -> None:
    log, _ = log_of(run, "training.max_tokens=20", "method.num_generations=4")
    nothing = {**STEP, "reward/num_unscored": 8.0}
    log.add(1, nothing, [], no_policy)
    with pytest.raises(RewardError, match="no response of the last 2 steps was scored"):
        log.add(2, nothing, [], no_policy)
