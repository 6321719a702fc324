"""How far a run is, what it does now and how long it will take: told from its files alone. No torch."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rlsr.config import RunConfig
from rlsr.runs.record import Run, Stage
from rlsr.runs.step_totals import NOTHING_SPENT, Spent, step_seconds, steps_taken, tokens_trained

_PACE_STEPS = 20
"""Steps whose mean stands for the pace: measurements between them are in it, and a pace that has changed soon counts."""

State = Literal["running", "perhaps running", "stopped", "complete"]


@dataclass(frozen=True)
class TimeLeft:
    """How far training is, by the limit that it will reach first."""

    limit: str
    """What ends training: ``steps``, or the name of a budget."""
    share: float
    """How much of the limit is used, in [0, 1]."""
    seconds: float
    """Training that is left at the pace of the last steps; rules such as ``validation.patience`` may end it before."""


def planned_steps(stage: Stage) -> int | None:
    """Say how many steps a stage takes at most; None where its files do not say it.

    Args:
        stage: Of a run.
    """
    last = stage.sessions[-1] if stage.sessions else {}
    training = stage.config.get("training")
    named = training.get("steps") if isinstance(training, Mapping) else None
    found = last.get("num_steps", named)
    return found if isinstance(found, int) and found > 0 else None


def time_left(
    rows: Sequence[Mapping[str, Any]],
    config: RunConfig,
    num_steps: int | None,
    earlier: Spent = NOTHING_SPENT,
) -> TimeLeft | None:
    """Find the limit that training will reach first, and when.

    Args:
        rows: Of ``metrics.jsonl`` so far.
        config: The resolved config.
        num_steps: Steps that were planned; None where nobody knows.
        earlier: What the stages before have taken.

    Returns:
        None before the first step, and where nothing limits training.
    """
    last = [row for row in rows[-_PACE_STEPS:] if row["step"] > 0]
    if not last:
        return None
    pace = statistics.fmean(map(step_seconds, last))
    tokens = tokens_trained(last) / len(last)
    spent = Spent.of(rows)
    training, pipeline = config.training, config.pipeline
    limits = (
        ("training.max_seconds", training.max_seconds, spent.seconds, 1.0),
        ("pipeline.max_seconds", pipeline.max_seconds, (earlier + spent).seconds, 1.0),
        (
            "training.max_tokens",
            training.max_tokens,
            spent.tokens,
            pace / tokens if tokens else None,
        ),
        ("steps", num_steps, spent.steps, pace),
    )
    found = [
        TimeLeft(name, min(used / limit, 1.0), max(limit - used, 0.0) * seconds_each)
        for name, limit, used, seconds_each in limits
        if limit is not None and seconds_each is not None
    ]
    return min(found, key=lambda left: (left.seconds, -left.share), default=None)


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    state: State
    """``perhaps running``: its owner is on another machine, so that nobody here knows whether it lives."""
    stage: int
    """Place of the stage that is worked on, or was last."""
    doing: str
    """What it does, or what it came to, in words."""
    left: TimeLeft | None = None
    """Of the training of this stage, while it lasts."""


def progress_of(run: Run, *, is_worked_in: bool | None) -> Progress:
    """Say where a run stands.

    Args:
        run: With at least one stage that was begun.
        is_worked_in: Whether a process works on it; None where that cannot be known.
    """
    place = len(run.stages) - 1
    stage = run.stages[place]
    if run.is_complete:
        return Progress("complete", place, _ended(stage))
    state: State = {True: "running", None: "perhaps running", False: "stopped"}[is_worked_in]  # type: ignore[assignment]  # mypy joins them to str
    if stage.manifest is not None:
        return Progress(state, place, f"{_ended(stage)}; {run.missing_stages[0]} comes next")
    left = _left(run)
    doing = _doing(stage, is_first=place == 0, left=left)
    if state == "stopped":
        doing = f"stopped after step {_last_step(stage)}" if stage.steps else "stopped before the first step"  # fmt: skip
    return Progress(state, place, doing, None if _is_trained(stage) else left)


def _left(run: Run) -> TimeLeft | None:
    *before, stage = run.stages
    if stage.known_config is None:
        return None
    earlier = sum((Spent.of(one.steps) for one in before), NOTHING_SPENT)
    return time_left(stage.steps, stage.known_config, planned_steps(stage), earlier)


def _ended(stage: Stage) -> str:
    """Say what a complete stage came to."""
    manifest = stage.manifest or {}
    count = steps_taken(stage.steps)
    if not count:
        return "evaluated, not trained"
    stopped = manifest.get("stopped")
    steps = f"{count} step{'' if count == 1 else 's'}"
    return f"{steps}, ended by {stopped}" if stopped else steps


def _doing(stage: Stage, *, is_first: bool, left: TimeLeft | None) -> str:
    """Tell from what is there what comes next."""
    if not stage.sessions:
        waits = (
            not is_first and stage.known_config is not None and stage.known_config.pipeline.forecast
        )
        return "loading the policy" + (", and a forecast whether this stage pays" if waits else "")
    if "suites" in stage.sessions[-1]:
        return "answering the prompts of the evaluation"
    evaluates = stage.known_config is None or stage.known_config.evaluation.enabled
    if not stage.steps and stage.before is None and evaluates:
        return "loading, then answering the held-out prompts before training"
    if _is_trained(stage) or (left is not None and left.seconds == 0):
        if evaluates and stage.after is None:
            return "answering the held-out prompts after training"
        return "writing down what was found"
    step, planned = _last_step(stage) + 1, planned_steps(stage)
    of = f" of {planned:,}" if planned and (left is None or left.limit == "steps") else ""
    return f"training, step {step:,}{of}"


def _is_trained(stage: Stage) -> bool:
    """Say whether the model that training makes lies there."""
    return stage.after is not None or (stage.path / "final").exists()


def _last_step(stage: Stage) -> int:
    return int(stage.steps[-1]["step"]) if stage.steps else 0
