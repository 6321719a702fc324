"""What a comparison shows, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.statistics.against_baseline import NO_DIFFERENCE, Verdict
from rlsr.statistics.in_words import too_few

Tone = Literal["good", "bad", "even", ""]


@dataclass(frozen=True)
class Finding:
    """What a comparison shows about one recipe, in words."""

    name: str
    """Of the recipe."""
    independent: str
    """Goes on after the name: what measures show that the reward does not have; may be empty."""
    in_reward: str
    """What is shown by measures that the reward has, at which training may have aimed; may be empty."""


def findings(comparison: Comparison) -> tuple[Finding, ...]:
    """Say what a comparison shows about each recipe that is compared with another, if anything is shown."""
    found = (
        Finding(
            recipe.name,
            *(
                _shown(recipe, [m.name for m in comparison.metrics if m.in_reward == wanted])
                for wanted in (False, True)
            ),
        )
        for recipe in comparison.recipes
        if recipe.compared_with
    )
    return tuple(finding for finding in found if finding.independent or finding.in_reward)


def _shown(recipe: ComparedRecipe, names: Sequence[str]) -> str:
    """Say which of some metrics are higher, lower, or show no difference."""
    found: dict[Verdict, list[str]] = {"higher": [], "lower": [], NO_DIFFERENCE: []}
    for name in names:
        verdict = recipe.metrics[name].verdict if name in recipe.metrics else None
        if verdict in found:
            found[verdict].append(describe(name).short_label)
    even = listing(found.pop(NO_DIFFERENCE))
    differing = [(verdict, listing(labels)) for verdict, labels in found.items() if labels]
    if not differing:
        return f"shows no difference from {recipe.compared_with} on {even}" if even else ""
    (first, where), *others = differing
    text = f"is {first} than {recipe.compared_with} on {where}"
    text += "".join(f" and {verdict} on {labels}" for verdict, labels in others)
    return f"{text}; {NO_DIFFERENCE} on {even}" if even else text


def listing(words: Sequence[str]) -> str:
    """Write words one after another, as in ``chrF, BLEU and reward``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def tone(metric: SharedMetric, verdict: Verdict | None) -> Tone:
    """Say whether a verdict is good.

    Args:
        metric: Knows which way is better.
        verdict: Of a recipe in it.

    Returns:
        ``even`` where no difference is shown; nothing where a difference is neither good nor bad, or nothing is said.
    """
    if verdict == NO_DIFFERENCE:
        return "even"
    if verdict not in {"higher", "lower"} or metric.better not in {"higher", "lower"}:
        return ""
    return "good" if verdict == metric.better else "bad"


def training_in_words(recipe: ComparedRecipe) -> str:
    """Name the methods that trained a recipe; nothing where its name says them."""
    if not recipe.runs:
        return ""
    how = " then ".join(recipe.methods) or "not trained"
    return "" if how == recipe.name else how


def amount_in_words(by: str, amount: float) -> str:
    """Write a budget, as in ``120 s``."""
    if by == "wall_clock":
        return f"{amount:g} s"
    return f"{amount:,.0f} {'response tokens' if by == 'tokens' else by}"


def duration(seconds: float) -> str:
    """Write a time for people, as in ``12.3 s``, ``4 min 30 s`` or ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def how_it_was_compared(comparison: Comparison) -> str:
    """Say what the numbers of a table are, in sentences to stand below it."""
    over = f"{comparison.num_prompts} {comparison.prompts_in_words}"
    if len(comparison.seeds) > 1:
        over += f" and {len(comparison.seeds)} seeds"
    sentences = [f"Means over {over}."]
    few = too_few(comparison.num_prompts, "prompts")
    if few:
        sentences.append(f"{few}.")
    elif any(recipe.compared_with for recipe in comparison.recipes):
        level = f"{100 * comparison.adjusted_confidence:.4g} %"
        sentences.append(
            f"The second number is the mean difference from the baseline, prompt by prompt, with its {level} interval. Where the "
            "interval holds 0, no difference is shown, which is not the same as none."
        )
        if comparison.num_comparisons > 1:
            what = "readings" if comparison.primary else "comparisons of a metric"
            sentences.append(
                f"With this level all {comparison.num_comparisons} {what} hold together at "
                f"{100 * comparison.confidence:g} %."
            )
        if comparison.primary:
            labels = listing([describe(name).label for name in comparison.primary])
            sentences.append(
                f"Only the primary metrics are read: {labels}. The others have an interval and no reading."
            )
    return " ".join(sentences)
