"""What a rollout teaches, as both sides of this engine compute it: verl's trainer for the update, rlsr for what it writes down."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.config.method import RlsrMethod
from rlsr.methods import GroupAdvantages, count_cut, group_advantages
from rlsr.methods.subset import max_variance_subset


@dataclass(frozen=True)
class Lesson:
    """Which responses are learnt from, and how much."""

    group: GroupAdvantages
    """Advantages of all responses; 0 for what teaches nothing."""
    selected: NDArray[np.bool_]
    """Whether the loss is averaged over a response, even if it teaches nothing."""
    group_std: NDArray[np.float64]
    """Standard deviation of the rewards of each whole group; NaN where fewer than two were scored."""


def lesson_of(rewards: Sequence[float], ended: Sequence[bool | None], method: RlsrMethod) -> Lesson:
    """Compare the responses of a rollout as the engine ``trl`` does.

    Args:
        rewards: One a response, the responses of a prompt next to each other; NaN is unscored.
        ended: Whether each ended by itself; None where that is not known.
        method: Size of a group, subset and advantages.
    """
    size = method.num_generations
    # In float32, as the trainers keep them.
    scores = np.array(rewards, dtype=np.float32).astype(np.float64)
    scores = count_cut(scores, ended, size, method.advantage.cut)
    selected = np.ones(len(scores), dtype=np.bool_)
    if method.update_subset is not None:
        selected = max_variance_subset(scores, size, method.update_subset)
    return Lesson(
        group=group_advantages(np.where(selected, scores, np.nan), size, method.advantage),
        selected=selected,
        group_std=group_advantages(scores, size, method.advantage).group_std,
    )
