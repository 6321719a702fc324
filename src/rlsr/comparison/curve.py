"""What a comparison knows of the time before its end: held-out metrics over seconds, and who passes whom. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass

from rlsr.statistics import Estimate
from rlsr.statistics.crossing import Crossing

BEFORE, ALONG, AFTER = "before training", "along the way", "after training"
BETWEEN = "between measurements"


@dataclass(frozen=True)
class CurvePoint:
    """What a recipe had reached, mean over its seeds."""

    what: str
    """``before training``, ``along the way``, ``after`` and the name of a stage, or ``after training``; ``between
    measurements`` where it was read off the line between two."""
    seconds: float
    """Of training steps, those of all stages so far."""
    num_steps: float
    """Optimiser steps so far."""
    tokens: float | None
    """Response tokens that updates have learnt from so far; None where a run did not count them."""
    metrics: Mapping[str, Estimate]
    """Means over seeds and the prompts of the curve, by metric."""


@dataclass(frozen=True)
class RecipeCurve:
    """A recipe over time."""

    recipe: str
    """Its name."""
    points: tuple[CurvePoint, ...]
    """What was measured with every seed, in order of time."""
    at_times: tuple[CurvePoint, ...]
    """What lies at the times that all recipes are shown at."""


@dataclass(frozen=True)
class TimedDifference:
    """How far a recipe is from its rival at one time."""

    seconds: float
    """The time."""
    metrics: Mapping[str, Estimate]
    """Means of the paired differences, recipe minus rival, by metric. Each interval stands for itself."""


@dataclass(frozen=True)
class Race:
    """A recipe beside another over time."""

    recipe: str
    """Its name."""
    rival: str
    """The other's."""
    differences: tuple[TimedDifference, ...]
    """In order of time, as far as both are known."""
    crossings: Mapping[str, Crossing]
    """From when on the recipe stays ahead, by those metrics that have a better side."""


@dataclass(frozen=True)
class PlainStep:
    """What a step of plain SFT took, by which seconds of two machines can be compared."""

    seconds: float
    """Median over the steps of all runs."""
    prompts: int
    """Prompts of a step."""


@dataclass(frozen=True)
class Curves:
    """The recipes of a comparison over time."""

    num_prompts: int
    """Held-out prompts that every point is measured on."""
    confidence: float
    """Level of every interval by itself."""
    rival: str
    """The recipe that the others are to pass."""
    sft_step: PlainStep | None
    """None where no recipe trains by SFT."""
    recipes: tuple[RecipeCurve, ...]
    """In the order of the comparison."""
    races: tuple[Race, ...]
    """Every trained recipe against the rival and against the baseline."""

    def races_with_rival(self) -> tuple[Race, ...]:
        """List those against the rival."""
        return tuple(race for race in self.races if race.rival == self.rival)
