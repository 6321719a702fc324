"""What becomes of the numbers that TRL's log has after a step: ours keep their names, TRL's get one of ours."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

from rlsr.runs.step_metrics import GRADIENT_NORM, HEADS, LOSS, MEAN_REWARD

NAMES = {
    "reward": MEAN_REWARD,
    "kl": "optim/kl",
    "entropy": "optim/entropy",
    "loss": LOSS,
    "grad_norm": GRADIENT_NORM,
    "learning_rate": "optim/learning_rate",
    "completions/mean_length": "tokens/response",
    "completions/clipped_ratio": "tokens/share_cut",
    "num_tokens": "tokens/total",
}
"""TRL's names of numbers that have a name of ours."""

DUPLICATES = {
    "epoch": "follows from the step: a step takes training.prompts_per_step prompts",
    "step_time": "time/step measures the whole step, and this a part of it",
    "rewards/reward/mean": "is reward/mean: TRL is given one reward",
    "rewards/reward/std": "is trl/reward_std for the same reason",
}
"""TRL's names of numbers that are left out, and why. No other number is."""

OTHERS = "trl/"
"""What the names of all other numbers begin with."""


def logged_numbers(logs: Mapping[str, Any]) -> dict[str, float | None]:
    """Name the numbers of a step as ``metrics.jsonl`` does.

    Args:
        logs: What TRL logged, with what our trainers, rewards and methods have added.

    Returns:
        Every number by its column; None where nothing was scored.
    """
    return {
        _column(name): None if value is None else float(value)
        for name, value in logs.items()
        if name not in DUPLICATES and (value is None or isinstance(value, Real))
    }


def _column(name: str) -> str:
    if name in NAMES:
        return NAMES[name]
    return name if name.partition("/")[0] in HEADS and "/" in name else f"{OTHERS}{name}"
