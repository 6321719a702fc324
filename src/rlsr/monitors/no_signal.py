"""Groups whose responses all got the same reward teach nothing."""

import statistics

from rlsr.monitors.monitor import Rows
from rlsr.runs.step_metrics import WITHOUT_SIGNAL
from rlsr.runs.step_totals import scored

MOST_WITHOUT_SIGNAL = 0.5
"""Share of the groups above which it is told."""


def no_signal(rows: Rows) -> str | None:
    """Find a run most of whose groups had nothing to tell their responses apart by.

    Args:
        rows: Of a run.

    Returns:
        How many; None where the others were as many.
    """
    shares = scored(rows, WITHOUT_SIGNAL)
    share = statistics.fmean(shares) if shares else 0.0
    if share <= MOST_WITHOUT_SIGNAL:
        return None
    return f"{share:.0%} of the groups had no signal: their responses all got the same reward"
