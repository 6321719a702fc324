"""What models side by side show, in words: what one has lost against the baseline, and how often it wins."""

from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.comparison.side_by_side import SideBySide
from rlsr.comparison.words import listing, tone
from rlsr.evaluation.metrics import describe
from rlsr.statistics.in_words import mean_with_interval, percent, too_few


def level_in_words(found: SideBySide) -> str:
    """Say how differences are to be read, as a sentence without its end; what has too few prompts for that is said suite by suite.

    Args:
        found: What was found.
    """
    first = next(iter(found.suites.values()))
    together = (
        f", at which all {first.num_comparisons} readings hold together at {percent(first.confidence)}"
        if first.num_comparisons > 1
        else ""
    )
    few = [words for one in found.suites.values() if (words := _too_few(one))]
    return "; ".join(
        [
            f"differences are from {found.baseline}, paired by prompt, with {percent(first.adjusted_confidence)} intervals{together}; only "
            "primary metrics are read",
            *few,
        ]
    )


def losses_in_words(found: SideBySide) -> list[str]:
    """Say of each model what it does worse than the baseline beyond the interval: what was forgotten, where that is the base model.

    Args:
        found: What was found.

    Returns:
        A sentence a model without its end; that a model shows no loss is said, too, unless nothing could be read.
    """
    others = [name for name in found.models if name != found.baseline]
    return [words for name in others if (words := _losses_of(name, found))]


def _losses_of(name: str, found: SideBySide) -> str:
    read, lost = 0, []
    for suite, comparison in found.suites.items():
        recipe = next(one for one in comparison.recipes if one.name == name)
        for metric in comparison.metrics:
            one = recipe.metrics[metric.name]
            read += one.verdict is not None
            if tone(metric, one.verdict) == "bad" and one.difference is not None:
                described = describe(metric.name)
                difference = mean_with_interval(one.difference, described.digits, sign=True)
                lost.append(f"{described.short_label} of {suite} ({difference})")
    if lost:
        return f"{name} has lost against {found.baseline}: {listing(lost)}"
    return f"{name} shows no loss against {found.baseline}" if read else ""


def wins_in_words(comparison: Comparison) -> list[str]:
    """Say how often each model wins against the baseline, prompt by prompt.

    Args:
        comparison: Of one suite.

    Returns:
        A line a model; empty where no measure counts wins.
    """
    return [_wins_of(recipe, comparison) for recipe in comparison.recipes if recipe.wins]


def _wins_of(recipe: ComparedRecipe, comparison: Comparison) -> str:
    counted = [
        f"wins {one.win:.0%}, ties {one.tie:.0%} and loses {one.loss:.0%} by {describe(name).short_label} (a tie is within {one.margin:g})"
        for name, one in recipe.wins.items()
    ]
    return f"{recipe.name} {'; '.join(counted)}, of {comparison.num_prompts} {comparison.prompts_in_words}"


def _too_few(comparison: Comparison) -> str:
    return too_few(comparison.num_prompts, comparison.prompts_in_words)
