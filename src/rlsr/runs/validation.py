"""The measurements on validation prompts, as the rows of ``metrics.jsonl`` have them: which is the best, and which is kept. No torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.runs.step_metrics import (
    VALIDATION_BEHIND,
    VALIDATION_CHRF,
    VALIDATION_NLL,
    VALIDATION_PAIR_ACCURACY,
    VALIDATION_PAIR_LOSS,
    VALIDATION_REWARD,
    VALIDATION_SIMILARITY,
)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ValidationMeasure:
    """A number that chooses weights."""

    column: str
    """In ``metrics.jsonl``."""
    words: str
    """What it is called within a sentence."""
    lower_is_better: bool = False
    is_of_all: bool = False
    """Whether it is one number of all prompts, which does not show what chance does to it."""

    def is_better(self, value: float, than: float) -> bool:
        """Say whether one value is better than another; equal ones are not."""
        return value < than if self.lower_is_better else value > than


MEASURES: Mapping[str, ValidationMeasure] = {
    "independent_similarity": ValidationMeasure(
        VALIDATION_SIMILARITY, "similarity by an independent encoder"
    ),
    "chrf": ValidationMeasure(VALIDATION_CHRF, "chrF"),
    "reward": ValidationMeasure(VALIDATION_REWARD, "reward"),
    "nll": ValidationMeasure(
        VALIDATION_NLL,
        "negative log-likelihood of the references",
        lower_is_better=True,
        is_of_all=True,
    ),
    "pair_loss": ValidationMeasure(
        VALIDATION_PAIR_LOSS, "Bradley-Terry loss of pairs", lower_is_better=True
    ),
    "pair_accuracy": ValidationMeasure(
        VALIDATION_PAIR_ACCURACY, "share of pairs in the right order"
    ),
}
"""By the name that ``validation.metric`` has for it."""


@dataclass(frozen=True)
class Measurement:
    """The policy after a step, measured on validation prompts."""

    step: int
    """Steps taken; 0 before the first."""
    value: float
    """Mean over the prompts, or over the tokens of their references."""


def measurements(rows: Rows, metric: str) -> list[Measurement]:
    """List what was measured.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.

    Returns:
        In the order of the steps; where nothing could be scored there is none.
    """
    column = MEASURES[metric].column
    found = ((row["step"], row.get(column)) for row in rows)
    return [
        Measurement(int(step), float(value))
        for step, value in found
        if value is not None and math.isfinite(value)
    ]


def best_measurement(rows: Rows, metric: str) -> Measurement | None:
    """Find the measurement that none surpasses.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.

    Returns:
        Of equal ones the first. None where there is none.
    """
    best: Measurement | None = None
    for found in measurements(rows, metric):
        if best is None or MEASURES[metric].is_better(found.value, best.value):
            best = found
    return best


def standard_errors_behind(
    values: NDArray[np.float64], best: NDArray[np.float64], *, lower_is_better: bool
) -> float | None:
    """Say how far a measurement is behind another one, by what chance does to their difference, prompt by prompt.

    Args:
        values: Of the prompts.
        best: Of the same prompts, in the same order; NaN in either is left out.
        lower_is_better: Of two values.

    Returns:
        The mean difference over its standard error, above 0 where ``best`` is better; None where fewer than two prompts are scored in
        both, or all differ by the same.
    """
    if len(values) != len(best):
        return None
    differences = (values - best) if lower_is_better else (best - values)
    scored = differences[~np.isnan(differences)]
    if len(scored) < 2:
        return None
    error = float(scored.std(ddof=1)) / math.sqrt(len(scored))
    mean = float(scored.mean())
    if error > 0:
        return mean / error
    return 0.0 if mean == 0 else None


def kept_measurement(rows: Rows, metric: str, tolerance: float) -> Measurement | None:
    """Find the measurement whose weights are kept.

    The best of several noisy measurements is the best by luck as well, and more training goes into later weights.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.
        tolerance: ``validation.tolerance``.

    Returns:
        The latest one that is behind the best before it by no more standard errors than that; where noise cannot be told, the best. None
        where there is none.
    """
    behind = {row["step"]: row.get(VALIDATION_BEHIND) for row in rows}
    best: Measurement | None = None
    kept: Measurement | None = None
    for found in measurements(rows, metric):
        if best is None or MEASURES[metric].is_better(found.value, best.value):
            best = kept = found
        elif tolerance > 0 and (errors := behind[found.step]) is not None and errors <= tolerance:
            kept = found
    return kept


def num_without_gain(rows: Rows, metric: str) -> int:
    """Count the measurements since the best one, which none of them has surpassed.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.
    """
    best = best_measurement(rows, metric)
    return sum(found.step > best.step for found in measurements(rows, metric)) if best else 0


def kept_in_words(
    kept: Measurement | None,
    best: Measurement | None,
    *,
    metric: str,
    num_prompts: int,
    num_steps: int,
) -> str:
    """Say which weights a run has kept, for people.

    Args:
        kept: The measurement whose weights they are; None where nothing could be scored.
        best: The best measurement.
        metric: A key of ``MEASURES``.
        num_prompts: Validation prompts.
        num_steps: Steps that the run has taken.

    Returns:
        A part of a sentence, as in ``the weights after step 30 of 55, the best by reward on 32 validation prompts (0.584)``.
    """
    by = f"{MEASURES[metric].words} on {num_prompts} validation prompts"
    if kept is None or best is None:
        return (
            f"the weights after the last of {num_steps} steps, since the {by} could not be scored"
        )
    if kept.step == 0:
        return f"the policy that training began with: after none of {num_steps} steps was the {by} better than {kept.value:.4g}"
    which = f"the weights after step {kept.step} of {num_steps}, "
    if kept == best:
        return f"{which}the best by {by} ({kept.value:.4g})"
    return (
        f"{which}the latest that chance does not tell from the best by {by} ({kept.value:.4g}, the best {best.value:.4g} after step "
        f"{best.step})"
    )
