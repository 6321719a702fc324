"""The learning rate over the steps of a run."""

import math
from typing import Literal


def rate_factor(
    step: int,
    *,
    warmup_steps: int,
    num_steps: int,
    schedule: Literal["constant", "linear", "cosine"],
) -> float:
    """Give the share of the peak learning rate at a step.

    The first step learns already: schedules that start from 0 would throw away a rollout, and a run of one step would
    change nothing.

    Args:
        step: Optimiser steps taken so far, from 0.
        warmup_steps: Steps before the peak is reached.
        num_steps: Steps of the run.
        schedule: What follows the warm-up; ``linear`` and ``cosine`` go down to the last step.

    Returns:
        A factor in [0, 1]; above 0 for every step of the run.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if schedule == "constant":
        return 1.0
    # The step after the last one would have 0.
    progress = min((step - warmup_steps) / max(num_steps - warmup_steps, 1), 1.0)
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1.0 + math.cos(math.pi * progress))
