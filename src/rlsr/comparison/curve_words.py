"""What the curves of a comparison show, in words."""

import math

from rlsr.comparison.curve import ALONG, CurvePoint, Curves, Race
from rlsr.comparison.result import Comparison
from rlsr.evaluation.metrics import SharedMetric, describe, primary_metrics
from rlsr.statistics.crossing import Crossing
from rlsr.statistics.in_words import too_few


def shown_curves(comparison: Comparison) -> Curves | None:
    """Give the curves of a comparison where something was measured along the way.

    Args:
        comparison: What was found.

    Returns:
        The curves; None where they would be straight lines from beginning to end, of which the table has the ends.
    """
    curves = comparison.curves
    if curves is None:
        return None
    points = (point for recipe in curves.recipes for point in recipe.points)
    return curves if any(point.what == ALONG for point in points) else None


def unseen_metrics(comparison: Comparison) -> list[SharedMetric]:
    """List the primary metrics that no reward has."""
    return primary_metrics([metric for metric in comparison.metrics if not metric.in_reward])


def crossing_in_words(crossing: Crossing) -> str:
    """Say from when on something is ahead, as in ``after 310 s [240, 520]``.

    Args:
        crossing: What was found.

    Returns:
        Words to go on after what is ahead.
    """
    if crossing.seconds is None:
        share = f" (in {crossing.share:.0%} of the resamples it is)"
        return f"not within {_seconds(crossing.until)} s{share if crossing.share >= 0.005 else ''}"
    if crossing.high == 0:
        return "from the beginning"
    is_later = crossing.seconds > 0
    where = f"after {_seconds(crossing.seconds)} s" if is_later else "from the beginning"
    if math.isnan(crossing.share):
        return f"{where} (no interval)"
    later = f"later than {_seconds(crossing.until)}"
    low, high = (later if end is None else _seconds(end) for end in (crossing.low, crossing.high))
    return f"{where} [{low}, {high}]"


def race_in_words(race: Race, metrics: list[SharedMetric]) -> str:
    """Say from when on a recipe is ahead of another.

    Args:
        race: The two.
        metrics: By which.

    Returns:
        Words, as in ``rlsr ahead of sft: chrF after 310 s [240, 520], BLEU not within 720 s``; empty where none of the
        metrics has a better side.
    """
    parts = [
        f"{describe(metric.name).short_label} {crossing_in_words(race.crossings[metric.name])}"
        for metric in metrics
        if metric.name in race.crossings
    ]
    return f"{race.recipe} ahead of {race.rival}: {', '.join(parts)}" if parts else ""


def crossings_in_words(comparison: Comparison) -> list[str]:
    """Say of every recipe from when on it is ahead of its rival, by the primary metrics that no reward has."""
    curves = shown_curves(comparison)
    if curves is None:
        return []
    found = (race_in_words(race, unseen_metrics(comparison)) for race in curves.races_with_rival())
    return [sentence for sentence in found if sentence]


def how_curves_were_made(curves: Curves) -> str:
    """Say what the numbers over time are, in sentences to stand below them."""
    level = f"{100 * curves.confidence:g} %"
    few = too_few(curves.num_prompts, "prompts")
    sentences = [
        f"Over time: means over the {curves.num_prompts} held-out prompts that were answered along the way, linear between two "
        f"measurements of a run{'' if few else f', each with its own {level} interval'}.",
        "A recipe is ahead from the time after which its mean stays better than the other's to the end; "
        f"{few or f'the interval is over prompts and seeds, {level}'}.",
    ]
    step = curves.sft_step
    if step is not None:
        sentences.append(
            f"A plain SFT step of {step.prompts} prompt{'' if step.prompts == 1 else 's'} took {step.seconds:.3g} s on this "
            "machine, median."
        )
    return " ".join(sentences)


def time_in_words(seconds: float) -> str:
    """Write a time of a curve, as in ``90 s``."""
    return f"{_seconds(seconds)} s"


def steps_in_words(point: CurvePoint) -> str:
    """Write the optimiser steps up to a point; nothing for a policy that was not trained."""
    return f"{point.num_steps:,.0f}" if point.num_steps > 0 else ""


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"
