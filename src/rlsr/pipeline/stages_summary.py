"""What stages of training have done: a comparison before and after for each, and one from the first to the last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlsr.config.measurement import measured_alike
from rlsr.errors import RunError
from rlsr.evaluation import MetricChange
from rlsr.evaluation.change import metric_changes
from rlsr.pipeline.summary import KeptWeights
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import RESTORE
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.typed_json import from_table


@dataclass(frozen=True)
class StageSummary:
    """What one stage has done."""

    name: str
    """As its directory is named."""
    changes: tuple[MetricChange, ...]
    """Held-out metrics before and after the stage; empty without an evaluation."""
    num_steps: int
    """Optimiser steps that were taken."""
    stopped: str | None
    """Why training ended before its last step, where a rule ended it."""
    kept: KeptWeights | None
    """Which weights ``final/`` has, where validation chose them."""
    warnings: tuple[str, ...]
    """What the numbers of the run say that a person should know."""
    was_skipped: bool
    """Whether an earlier session had completed it."""


@dataclass(frozen=True)
class StageAnswers:
    """One held-out prompt with what was answered to it."""

    prompt: str
    """What was asked."""
    reference: str
    """The human answer."""
    answers: Mapping[str, str]
    """Greedy answers of the policy ``before`` training and after every stage, by its name."""


@dataclass(frozen=True)
class StagesSummary:
    """What all stages have done."""

    path: Path
    """The pipeline's directory."""
    stages: tuple[StageSummary, ...]
    """In their order."""
    changes: tuple[MetricChange, ...]
    """Held-out metrics before the first stage and after the last; empty where they were not measured in the same way."""
    seconds: float
    """Wall-clock of this session."""


def summarise_stages(
    pipeline: PipelineDirectory, *, skipped: Sequence[str], seconds: float
) -> StagesSummary:
    """Put together what stages have done.

    Args:
        pipeline: Complete.
        skipped: The stages that an earlier session had completed.
        seconds: Wall-clock of this session.
    """
    stages = tuple(
        summarise_run(run.path, was_skipped=run.path.name in skipped) for run in pipeline.stages
    )
    changes = changes_over_all(pipeline.stages[0], pipeline.stages[-1], stages[-1].changes)
    return StagesSummary(pipeline.path, stages, changes, seconds)


def stage_answers(pipeline: PipelineDirectory, num: int) -> list[StageAnswers]:
    """Take some held-out prompts from all over the set with what was answered to them.

    Args:
        pipeline: Complete.
        num: How many prompts to take.

    Returns:
        Prompts in the order of the set; none where the stages were not asked the same.
    """
    rows = {"before": pipeline.stages[0].read_evaluation("before") or []}
    rows |= {run.path.name: run.read_evaluation("after") or [] for run in pipeline.stages}
    if len({tuple(row.id for row in answered) for answered in rows.values()}) > 1:
        return []
    asked = rows["before"]
    places = sorted({len(asked) * (2 * place + 1) // (2 * num) for place in range(num)})
    return [
        StageAnswers(
            asked[place].prompt,
            asked[place].reference,
            {name: answered[place].response for name, answered in rows.items()},
        )
        for place in places
        if place < len(asked)
    ]


def summarise_run(path: Path, *, was_skipped: bool = False) -> StageSummary:
    """Read what a run, or a stage, has done.

    Args:
        path: Its directory.
        was_skipped: Whether an earlier session had completed it.

    Raises:
        RunError: It is not complete, or its manifest is damaged.
    """
    run = RunDirectory(path)
    manifest = run.read_manifest()
    try:
        return StageSummary(
            name=run.path.name,
            changes=from_table(tuple[MetricChange, ...], manifest["heldout"]),
            num_steps=from_table(int, manifest["num_steps"]),
            stopped=manifest.get("stopped"),
            kept=from_table(KeptWeights, kept) if (kept := manifest.get("validation")) else None,
            warnings=from_table(tuple[str, ...], manifest["warnings"]),
            was_skipped=was_skipped,
        )
    except (KeyError, ValueError) as error:
        raise RunError(f"{run.path / 'manifest.json'}: damaged: {error}; {RESTORE}") from error


def changes_over_all(
    first: RunDirectory, last: RunDirectory, of_last: Sequence[MetricChange]
) -> tuple[MetricChange, ...]:
    """Put the policy that the first run began with beside the one that the last run has left.

    Args:
        first: Complete.
        last: Complete.
        of_last: What the last one has changed.

    Returns:
        One change a metric; nothing where the two were not measured in the same way.
    """
    before, after = first.read_evaluation("before"), last.read_evaluation("after")
    config = last.read_config()
    if not before or not after or not measured_alike(first.read_config(), config):
        return ()
    if [row.id for row in before] != [row.id for row in after]:
        return ()
    in_reward = {change.name: change.in_reward for change in of_last}
    was, became = (
        {name: np.array([row.scores[name] for row in rows], dtype=np.float64) for name in in_reward}
        for rows in (before, after)
    )
    return metric_changes(
        was,
        became,
        in_reward.__getitem__,
        confidence=config.evaluation.confidence,
        num_resamples=config.evaluation.num_resamples,
    )
