"""How well what a small policy says of answers ranks them, beside the cheap scorers on the same prompts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality_data import Group
from quality_statistics import interval, paired
from ranker_measures import Scored, measure
from ranker_policy import Reading, load_reading
from ranker_rows import Measured, Rows
from ranker_scorers import DEFAULT, SHIPPED, fixed_scorers, scored

Floats = NDArray[np.float64]

_SHRINKAGE = 0.1
"""Share of the mean variance in the covariance that whitens: there are fewer texts than dimensions."""
_FEWEST = 20
"""Prompts of a set below which it is left out."""


def policy_measures(groups: Sequence[Group], rows: Rows, cache: Path) -> dict[str, Any]:
    """Judge states and likelihoods on the prompts that the policy has read.

    Args:
        groups: All prompts with their texts.
        rows: The same with the parts of their answers.
        cache: What ranker_policy.py has kept; may be missing.

    Returns:
        By set the prompts and by scorer the measure of that set, with its difference from the default; empty where too
        little was read.
    """
    measured = {(row.source, row.id, row.names): row for row in rows.ranked}
    read = [
        (measured[group.source, group.id, group.names], reading)
        for group in groups
        if (group.source, group.id, group.names) in measured
        and (reading := load_reading(cache, group)) is not None
    ]
    found: dict[str, Any] = {}
    for source in dict.fromkeys(row.source for row, _ in read):
        own = [(row, reading) for row, reading in read if row.source == source]
        if len(own) >= _FEWEST:
            found[source] = {"prompts": len(own), "scorers": _judged(source, own)}
    return found


def _judged(source: str, read: Sequence[tuple[Measured, Reading]]) -> dict[str, Any]:
    prompts = [row for row, _ in read]
    fixed = fixed_scorers()
    scores: dict[str, Scored] = {
        name: scored(fixed[name], prompts) for name in (DEFAULT, SHIPPED, "length", "cosine")
    }
    scores["likelihood of the reference after it"] = [
        (row, reading.nats_per_token) for row, reading in read
    ]
    for name in read[0][1].states:
        states = [reading.states[name].astype(np.float64) for _, reading in read]
        for whitened in (False, True):
            cosines = _cosines(_whitened(states) if whitened else states)
            label = f"states: {name}{', whitened' if whitened else ''}"
            scores[label] = list(zip(prompts, cosines, strict=True))
    parts = {name: measure(own, [])[source] for name, own in scores.items()}
    return {
        name: {
            "value": interval(part).rounded(),
            "minus default": paired(part, parts[DEFAULT]).rounded(),
        }
        for name, part in parts.items()
    }


def _whitened(states: Sequence[Floats]) -> list[Floats]:
    """Make all directions equally wide, by the texts of these prompts themselves; no label is looked at."""
    everything = np.concatenate(states)
    mean = everything.mean(axis=0)
    covariance = np.cov(everything.T)
    size = len(covariance)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.trace(covariance) / size * np.eye(size)
    values, vectors = np.linalg.eigh(shrunk)
    whitening = vectors / np.sqrt(values)
    return [(own - mean) @ whitening for own in states]


def _cosines(states: Sequence[Floats]) -> list[Floats]:
    """Compare each answer's state to the reference's, which is the last row."""
    found = []
    for own in states:
        unit = own / np.linalg.norm(own, axis=1, keepdims=True)
        found.append((unit[:-1] @ unit[-1]).round(6))
    return found
