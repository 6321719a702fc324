"""Means of held-out metrics over the steps of a run, of the prompts that were answered along the way."""

from collections.abc import Iterable

from rlsr.runs.record import Stage
from rlsr.runs.rows import HeldoutRow, mean_scores

HELDOUT = "heldout"
"""Head of the names of held-out metrics among the numbers of steps."""


def heldout_course(stage: Stage, *, is_first: bool) -> dict[int, dict[str, float]]:
    """Average what a stage was measured by along the way.

    Args:
        stage: A run, or a stage of a pipeline.
        is_first: Whether no stage comes before it, at whose end the policy before training stands already.

    Returns:
        By step the means by name, ``heldout/METRIC``, over the same prompts everywhere: those before training at step 0, and
        those after it at the last step. Empty where nothing was measured along the way; NaN where nothing was scored.
    """
    if not stage.along_the_way:
        return {}
    prompts = {row.key for row in stage.along_the_way[0].rows}
    course = {found.spent.steps: _means(found.rows) for found in stage.along_the_way}
    ends = ((0, stage.before if is_first else None), (int(stage.steps[-1]["step"]), stage.after))
    for step, rows in ends:
        same = [row for row in rows or () if row.key in prompts]
        if same:
            course[step] = _means(same)
    return course


def metric_name(column: str) -> str:
    """Name the held-out metric of a column."""
    return column.removeprefix(f"{HELDOUT}/")


def _means(rows: Iterable[HeldoutRow]) -> dict[str, float]:
    return {f"{HELDOUT}/{name}": value for name, value in mean_scores(rows).items()}
