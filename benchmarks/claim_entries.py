"""What a comparison says about the claim: base, the best SFT, RLSR, and SFT followed by RLSR, metric by metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from claim_statistics import Interval, difference, gain_ratio

from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.config import stages_from_table
from rlsr.evaluation.metrics import SharedMetric
from rlsr.runs.validation import MEASURES

OPTIMISED = ("rlsr", "sgrpo")
"""Methods that optimise the reward by GRPO, with a supervised term beside it or without."""


@dataclass(frozen=True)
class Entry:
    """One metric on one set. What a comparison does not have is None."""

    set: str
    """The data, by the name of its file of results."""
    metric: str
    """As in the scores of an evaluation."""
    in_reward: bool
    """Whether a reward has it, so that it proves nothing."""
    budget_s: float | None
    """Seconds of training; None where the budget is no time."""
    seeds: int
    """Trained runs of each recipe."""
    heldout: int
    """Prompts."""
    base: float | None
    """Mean of the policy before training."""
    sft: float | None
    """Mean of the best SFT."""
    rlsr: float | None
    """Mean of RLSR alone."""
    sft_rlsr: float | None
    """Mean of SFT followed by RLSR."""
    sft_rlsr_minus_sft: Interval | None
    """Mean of the paired differences with its interval over prompts and seeds."""
    sft_recipe: str | None
    """Which recipe is the best SFT."""
    rlsr_gain_over_sft_gain: Interval | None
    """Gain of RLSR over base, divided by that of the best SFT; None where SFT has not gained."""
    sft_rlsr_gain_over_sft_gain: Interval | None
    """The same of SFT followed by RLSR."""


@dataclass(frozen=True)
class Parts:
    """Which recipe of a comparison is which part of the claim."""

    base: ComparedRecipe | None
    sft: ComparedRecipe | None
    rlsr: ComparedRecipe | None
    sft_rlsr: ComparedRecipe | None


def entries(name: str, comparison: Comparison) -> list[Entry]:
    """List what a comparison says about the claim.

    Args:
        name: Of the set.
        comparison: As it was kept.

    Returns:
        An entry a metric, those that no reward has first.
    """
    parts = find_parts(comparison)
    metrics = sorted(comparison.metrics, key=lambda metric: metric.in_reward)
    return [_entry(name, comparison, parts, metric) for metric in metrics]


def find_parts(comparison: Comparison) -> Parts:
    """Tell the recipes apart by what trained them.

    Args:
        comparison: Its recipes may have any names.

    Returns:
        The first recipe of each kind, and the best of those that are only supervised.
    """
    supervised = _supervised_methods(comparison)
    kinds: dict[str, list[ComparedRecipe]] = {"base": [], "sft": [], "rlsr": [], "both": []}
    for recipe in comparison.recipes:
        *first, last = recipe.methods or ("",)
        if not recipe.methods:
            kinds["base"].append(recipe)
        elif set(recipe.methods) <= supervised:
            kinds["sft"].append(recipe)
        elif last in OPTIMISED and set(first) <= supervised:
            kinds["both" if first else "rlsr"].append(recipe)
    base, rlsr, both = (next(iter(kinds[kind]), None) for kind in ("base", "rlsr", "both"))
    return Parts(base, _best_sft(kinds["sft"], comparison), rlsr, both)


def _supervised_methods(comparison: Comparison) -> set[str]:
    """Ask the methods whether they learn from references alone."""
    names = {method for recipe in comparison.recipes for method in recipe.methods}
    return {
        name
        for name in names
        if stages_from_table({"method": name}).configs[0].method.learns_from == "references"
    }


def _best_sft(recipes: Sequence[ComparedRecipe], comparison: Comparison) -> ComparedRecipe | None:
    """Choose by validation prompts; where these were not measured alike, plain sft: held-out prompts choose nothing."""
    validated = [comparison.validation.get(recipe.name) for recipe in recipes]
    known = [found for found in validated if found is not None]
    if recipes and len(known) == len(recipes) and len({found.metric for found in known}) == 1:
        sign = -1 if MEASURES[known[0].metric].lower_is_better else 1
        values = [sign * float(np.mean(found.values)) for found in known]
        if np.isfinite(values).all():
            return recipes[int(np.argmax(values))]
    plain = [recipe for recipe in recipes if recipe.methods == ("sft",)]
    return next(iter([*plain, *recipes]), None)


def _entry(name: str, comparison: Comparison, parts: Parts, metric: SharedMetric) -> Entry:
    budget = comparison.budget
    tables = {
        part: _scores(comparison, recipe, metric.name) for part, recipe in vars(parts).items()
    }
    options = {
        "confidence": comparison.confidence,
        "better": metric.better,
    }
    return Entry(
        set=name,
        metric=metric.name,
        in_reward=metric.in_reward,
        budget_s=budget.amount if budget and budget.by == "wall_clock" else None,
        seeds=len(comparison.seeds),
        heldout=comparison.num_prompts,
        **{part: _mean(recipe, metric.name) for part, recipe in vars(parts).items()},
        sft_rlsr_minus_sft=_difference(parts, tables, metric.name, comparison.confidence),
        sft_recipe=parts.sft.name if parts.sft else None,
        rlsr_gain_over_sft_gain=_ratio(tables, "rlsr", options),
        sft_rlsr_gain_over_sft_gain=_ratio(tables, "sft_rlsr", options),
    )


def _mean(recipe: ComparedRecipe | None, metric: str) -> float | None:
    found = recipe.metrics.get(metric) if recipe else None
    return found.mean.mean if found else None


def _scores(comparison: Comparison, recipe: ComparedRecipe | None, metric: str) -> Any:
    kept = comparison.scores.get(recipe.name, {}).get(metric) if recipe else None
    return None if kept is None else np.array(kept, dtype=np.float64)


def _difference(
    parts: Parts, tables: dict[str, Any], metric: str, confidence: float
) -> Interval | None:
    if tables["sft_rlsr"] is not None and tables["sft"] is not None:
        return difference(tables["sft_rlsr"], tables["sft"], confidence)
    ours, theirs = _mean(parts.sft_rlsr, metric), _mean(parts.sft, metric)
    # Without the scores of the prompts there is no interval, and a wrong one is worse than none.
    return None if ours is None or theirs is None else (ours - theirs, None, None)


def _ratio(tables: dict[str, Any], part: str, options: dict[str, Any]) -> Interval | None:
    needed = (tables[part], tables["sft"], tables["base"])
    if options["better"] is None or any(table is None for table in needed):
        return None
    return gain_ratio(*needed, **options)
