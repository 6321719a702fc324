"""A loss or a gradient that is not finite destroys the weights where its update is not skipped."""

import math

from rlsr.monitors.monitor import Rows
from rlsr.runs.step_metrics import GRADIENT_NORM, LOSS, SKIPPED_UPDATES
from rlsr.runs.step_totals import scored


def lost_policy(rows: Rows) -> str | None:
    """Find weights that are lost; a later average over numbers that are not there would hide it.

    Args:
        rows: Of a run; the last step is looked at.

    Returns:
        What is not finite, and the way out; None where all is.
    """
    last = rows[-1]
    if last.get(SKIPPED_UPDATES):
        return None
    broken = [
        name.partition("/")[2]
        for name in (LOSS, GRADIENT_NORM)
        if (value := last.get(name)) is not None and not math.isfinite(value)
    ]
    if not broken:
        return None
    return (
        f"step {last['step']}: {' and '.join(broken)} is not finite, so the policy is lost; lower training.learning_rate or "
        "use model.dtype=float32, and start a new run (checkpoints before this step are intact)"
    )


def skipped_updates(rows: Rows) -> str | None:
    """Find updates that were not finite and were left out.

    Args:
        rows: Of a run.

    Returns:
        How many; None where there were none.
    """
    count = sum(scored(rows, SKIPPED_UPDATES))
    return (
        f"{count:.0f} updates were skipped since their loss or gradient was not finite: the weights stayed as they were"
        if count
        else None
    )
