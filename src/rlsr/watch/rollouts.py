"""The best and the worst response of a step, with what was asked and what stands in the data."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from rlsr.printable import printable
from rlsr.runs.rollout_samples import RolloutSample, best_and_worst
from rlsr.statistics.in_words import number

MOST_CHARACTERS = 4_000
"""Of a text that is shown: a screen has some thousand."""


def rollouts_view(
    samples: Sequence[RolloutSample], *, most_characters: int = MOST_CHARACTERS
) -> RenderableType:
    """Lay out the best and the worst response of a step.

    Args:
        samples: Those of the step that were kept.
        most_characters: Of a text that is shown.
    """
    chosen = best_and_worst(samples)
    if not chosen:
        return Text("No response of this step was kept.")
    names = ("best", "worst") if len(chosen) > 1 else (_only(samples),)
    parts: list[RenderableType] = []
    asked = None
    for name, sample in zip(names, chosen, strict=True):
        if asked != (sample.prompt, sample.references):
            asked = sample.prompt, sample.references
            parts += _block("prompt", "", sample.prompt, most_characters)
            for reference in sample.references:
                parts += _block("reference", "", reference, most_characters)
        parts += _block(name, _numbers(sample), sample.response, most_characters)
        for title, text in sample.texts.items():
            parts += _block(title, "", text, most_characters)
    return Group(*parts)


def _only(samples: Sequence[RolloutSample]) -> str:
    return "the only response" if len(samples) == 1 else "all alike"


def _block(title: str, numbers: str, text: str, most: int) -> list[RenderableType]:
    head = Text(printable(title), style="bold")
    if numbers:
        head.append(f"  {numbers}", style="not bold")
    shown = printable(text.strip())
    rest = len(shown) - most
    words = Text(shown[:most] if shown else "(empty)", style="" if shown else "italic")
    if rest > 0:
        words.append(f" [... {rest:,} more characters]", style="dim")
    return [head, Padding(words, (0, 0, 1, 2))]


def _numbers(sample: RolloutSample) -> str:
    """Write the reward and what it is made of; parts that say nothing, as a rule that was not broken, are left out."""
    reward = "reward not scored" if math.isnan(sample.reward) else f"reward {number(sample.reward)}"
    parts = [
        f"{printable(name).replace('_', ' ')} {_written(value)}"
        for name, value in sample.parts.items()
        if value and name != "in_update"
    ]
    left_out = ["not in the update"] if sample.parts.get("in_update") == 0 else []
    return " · ".join([reward, *parts, *left_out])


def _written(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else number(value)
