"""How far a run is on the way of its budget, or of that of all stages of a pipeline, and where it is measured on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.runs.step_totals import NOTHING_SPENT, Spent, steps_taken

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class PlaceInPipeline:
    """What a run has to know of the stages around it; a plain run is all there is."""

    earlier: Spent = NOTHING_SPENT
    """What the stages before it took."""
    begins: float = 0.0
    """The share of all budgets that the stages before it have, where each stage has a budget of its own."""
    ends: float = 1.0
    """The same with its own."""


WITHOUT_STAGES = PlaceInPipeline()
"""A run without stages around it."""


def share_done(rows: Rows, config: RunConfig, place: PlaceInPipeline, num_steps: int) -> float:
    """Say which share of the whole budget is used up after some steps.

    Args:
        rows: Of ``metrics.jsonl``; none is the beginning of the run.
        config: The resolved config.
        place: Of the run among stages.
        num_steps: Steps of the run.

    Returns:
        0 at the beginning of the first stage, and 1, or with a budget of the pipeline somewhat more, at the end of the last.
    """
    spent, training = Spent.of(rows), config.training
    if config.pipeline.max_seconds is not None:
        return (place.earlier.seconds + spent.seconds) / config.pipeline.max_seconds
    if training.max_seconds is not None:
        own = spent.seconds / training.max_seconds
    elif training.max_tokens is not None:
        own = spent.tokens / training.max_tokens
    else:
        own = spent.steps / num_steps
    return place.begins + min(own, 1.0) * (place.ends - place.begins)


def evaluates_after(rows: Rows, config: RunConfig, place: PlaceInPipeline, num_steps: int) -> bool:
    """Say whether the last step has reached a share of ``evaluation.during``.

    Args:
        rows: Of ``metrics.jsonl``, at least one step.
        config: The resolved config.
        place: Of the run among stages.
        num_steps: Steps of the run.
    """
    # What was measured before the first step belongs to it.
    before = rows[:-1] if steps_taken(rows) > 1 else ()
    was, became = (share_done(part, config, place, num_steps) for part in (before, rows))
    return any(was < share <= became for share in config.evaluation.during)
