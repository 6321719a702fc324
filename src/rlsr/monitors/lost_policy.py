"""A loss or a gradient that is not finite has destroyed the weights."""

import math

from rlsr.monitors.monitor import Rows
from rlsr.runs.step_metrics import GRADIENT_NORM, LOSS


def lost_policy(rows: Rows) -> str | None:
    """Find weights that are lost; a later average over numbers that are not there would hide it.

    Args:
        rows: Of a run; the last step is looked at.

    Returns:
        What is not finite, and the way out; None where all is.
    """
    last = rows[-1]
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
