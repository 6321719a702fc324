"""What a held-out metric is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rlsr.config import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.embeddings import Embedder
from rlsr.rewards import RewardResult

Better = Literal["higher", "lower", "near_one"]

OF_PART = "/"
"""Stands in the name of a metric before the part of a suite that it is over."""

Given = Sequence[float | None] | NDArray[np.float64]
"""Numbers as a metric may return them; NaN or None is unscored."""


@dataclass(frozen=True)
class HeldoutBatch:
    """A policy's answers to the held-out prompts, with everything that they can be scored by."""

    records: Sequence[PromptRecord]
    """The prompts, with their references and further columns of the data."""
    responses: Sequence[str]
    """The policy's answers, one a prompt."""
    ended: Sequence[bool | None]
    """Whether each answer ended by itself and was not cut at the longest; None where that is not known."""
    result: RewardResult
    """What the reward says of the answers."""
    independent: Embedder | None
    """An encoder that the reward never saw; None where the run has none."""
    config: RunConfig
    """The config of the run."""

    @property
    def references(self) -> list[tuple[str, ...]]:
        """The human-written answers to each prompt, at least one each."""
        return [record.references for record in self.records]


def same_everywhere(config: RunConfig) -> Any:
    """Say of a metric that its numbers depend on the response and the data alone.

    Args:
        config: The config of a run.

    Returns:
        The same for every run.
    """
    return []


@dataclass(frozen=True)
class Metric:
    """One number a held-out response: what it is called, how it is shown, and what scores it.

    Raises:
        ValueError: The digits or the margin cannot be.
    """

    name: str
    """Its key in the scores of an evaluation."""
    score: Callable[[HeldoutBatch], Given]
    """Gives one number a response, in their order."""
    label: str = ""
    """What it is called where people read it; empty is its name."""
    short_label: str = ""
    """What it is called within a sentence; empty is its label."""
    better: Better | None = None
    """Which way is better; None where nothing says so."""
    digits: int = 3
    """Decimals that it is written with."""
    tie_margin: float | None = None
    """Differences of up to this much are ties when wins are counted; None counts no wins."""
    rank: int | None = 100
    """Its place among the few primary metrics, whose differences are read and which a narrow table has room for, the lowest
    first; None is never one."""
    of_reward: bool = False
    """Whether it measures what every reward is made of, so that training always aims at it. What only some rewards have seen
    their kind says: ``RewardKind.seen_metrics``."""
    scorer: Callable[[RunConfig], Any] = same_everywhere
    """Says what its numbers depend on besides the response, as JSON: runs with equal values can be compared. None where a run
    does not measure it."""
    of: Literal["policy", "scorer"] = "policy"
    """What it measures, as ``MethodTable.makes`` names it."""
    require: Callable[[], None] = lambda: None
    """Raises a MissingPackageError where a package that it needs is not installed."""

    def __post_init__(self) -> None:
        if self.digits < 0:
            raise ValueError(f"{self.name}: digits must be at least 0, got {self.digits}")
        if self.tie_margin is not None and (self.tie_margin < 0 or self.better != "higher"):
            raise ValueError(
                f"{self.name}: a tie_margin is at least 0, of a metric of which higher is better, got {self.tie_margin:g} of "
                f"one with better={self.better!r}"
            )
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))
        object.__setattr__(self, "short_label", self.short_label or self.label)
