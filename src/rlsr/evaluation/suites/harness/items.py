"""What the harness says of one item of a task, as numbers and texts of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from rlsr.evaluation.metrics.metric import OF_PART

Sample = Mapping[str, Any]
"""One item as the harness lists it, once by each filter of its task."""

_NO_FILTER = "none"


@dataclass(frozen=True)
class Item:
    """One item of a task: what the policy chose or wrote, and what that scores."""

    response: str
    """The likeliest option, the text that was written, or how likely the target is."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """By metric of the harness, those whose mean over the items is what the harness reports."""
    log_likelihoods: str | None = None
    """How likely each option is, in nats, one a line; None where nothing was chosen from."""


def item_of(
    samples: Sequence[Sample], *, options: Sequence[str] | None, averaged: Mapping[str, bool]
) -> Item:
    """Take what the harness says of one item.

    Args:
        samples: The item, once by each filter of its task.
        options: What the policy chose from; None where it wrote a text, or was asked how likely one is.
        averaged: By metric, whether the harness reports its mean over the items; those that are not named are.

    Returns:
        The item. Metrics by a filter that has a name carry it, as in ``exact_match_flexible-extract``.
    """
    first = samples[0]
    scores = {
        _by_filter(metric, sample["filter"]): float(sample[metric])
        for sample in samples
        for metric in sample["metrics"]
        if averaged.get(metric, True) and isinstance(sample[metric], Real)
    }
    found = first["filtered_resps"] if options is not None else first["resps"]
    if options is not None:
        likelihoods = [float(response[0]) for response in found[: len(options)]]
        lines = (f"{value:.3f} {text}" for value, text in zip(likelihoods, options, strict=True))
        return Item(options[int(np.argmax(likelihoods))], scores, "\n".join(lines))
    answer = found[0][0]
    if isinstance(answer, str):
        return Item(answer, scores)
    return Item(f"log-likelihood {answer[0] if isinstance(answer, tuple) else answer:.3f}", scores)


def _by_filter(metric: str, name: str) -> str:
    return metric if name == _NO_FILTER else f"{metric}_{name}"


def items_to_scores(parts: Mapping[str, Sequence[Item]]) -> dict[str, list[float]]:
    """Lay the scores of items out as metrics over all items, and over those of each part.

    Args:
        parts: Items by part of a suite, in their order.

    Returns:
        By metric one number an item, NaN where the item does not have it: ``acc`` of all and, where there are several parts,
        ``acc/PART`` of those of each.
    """
    items = [(part, item) for part, found in parts.items() for item in found]
    metrics = list(dict.fromkeys(metric for _, item in items for metric in item.scores))
    columns = {metric: [item.scores.get(metric, np.nan) for _, item in items] for metric in metrics}
    if len(parts) == 1:
        return columns
    for part, found in parts.items():
        for metric in dict.fromkeys(metric for item in found for metric in item.scores):
            columns[f"{metric}{OF_PART}{part}"] = [
                item.scores.get(metric, np.nan) if of == part else np.nan for of, item in items
            ]
    return columns
