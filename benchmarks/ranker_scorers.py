"""The scorers that are compared: single parts, the shipped similarities, and what is learnt from labelled sets."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from ranker_fit import Transform, as_logarithms, as_they_are, learn, pair_differences
from ranker_measures import SETS, Scored
from ranker_parts import PARTS
from ranker_rows import Measured, Rows

from rlsr.config.reward import SimilarityConfig
from rlsr.rewards.lexical import f_scores

Floats = NDArray[np.float64]
Scorer = Callable[[Measured], Floats]

MEMBERS = ("cosine", "letters", "words", "order", "sentences", "meanings")
"""What a mean can be made of: the cosine, and F-scores of the other families."""
ENSEMBLE = ("cosine", "letters", "words", "order", "sentences")
"""What the variant ``ensemble`` is the mean of."""
DEFAULT = "blend (the default)"
CHOSEN = "equal weights, members chosen"
SHIPPED = "ensemble"
ALL = "none"
"""Held out where nothing is."""

_SETTINGS = SimilarityConfig()


def column(row: Measured, name: str) -> Floats:
    """Take a part of a prompt's answers, or the F-score of a family."""
    if name in PARTS:
        return row.parts[:, PARTS.index(name)]
    precision, recall = (row.parts[:, PARTS.index(f"{name} {side}")] for side in ("precision", "recall"))  # fmt: skip
    return f_scores((precision, recall), _SETTINGS.recall_weight)


def mean_of(row: Measured, members: Sequence[str]) -> Floats:
    """Average members, lowered where the numbers disagree as the blend is."""
    closeness = np.mean([column(row, name) for name in members], axis=0)
    factor = 1 - _SETTINGS.number_share * (1 - column(row, "numbers"))
    return np.where(closeness > 0, closeness * factor, closeness)


def fixed_scorers() -> dict[str, Scorer]:
    """List the scorers that nothing is learnt for, the default first."""
    return {
        DEFAULT: lambda row: mean_of(row, ("cosine", "letters")),
        "length": lambda row: row.lengths,
        "cosine": lambda row: column(row, "cosine"),
        "overlap": lambda row: column(row, "letters"),
        "words F": lambda row: column(row, "words"),
        "order F (ROUGE-L)": lambda row: column(row, "order"),
        "sentences recall": lambda row: column(row, "sentences recall"),
        "sentences F": lambda row: column(row, "sentences"),
        "meanings F": lambda row: column(row, "meanings"),
        "numbers": lambda row: column(row, "numbers"),
        "equal weights, all members": lambda row: mean_of(row, MEMBERS),
        SHIPPED: lambda row: mean_of(row, ENSEMBLE),
    }


Weights = dict[str, dict[str, float]]
"""By the set that was held out, the weight of each part."""


def logistic_scorers(rows: Rows) -> dict[str, tuple[Scorer, Weights]]:
    """Learn weights without each set in turn; a prompt is scored by the weights that its set has no part in.

    Args:
        rows: What is learnt from: the other labelled sets, and the attacks on their answers.

    Returns:
        Scorers by name, with their weights.
    """
    apart = tuple(PARTS)
    together = (*MEMBERS, "numbers")
    found = {}
    for names, kind in ((apart, "all parts"), (together, "F-scores")):
        for transform, form in ((as_they_are, "sum"), (as_logarithms, "product")):
            share = 1 if kind == "all parts" else 4
            found[f"logistic, {kind}, {form}"] = _logistic(rows, names, transform, share)
    return found


def _logistic(
    rows: Rows, names: Sequence[str], transform: Transform, attacks: int
) -> tuple[Scorer, Weights]:
    """Fit; the attacks count as much as so many sets."""

    def parts(row: Measured) -> Floats:
        return transform(np.stack([column(row, name) for name in names], axis=1))

    def differences(chosen: Sequence[Measured]) -> list[Floats]:
        return [pair_differences(parts(row), row.labels) for row in chosen]

    weights = {}
    for held in (*SETS, ALL):
        sets = [
            differences([row for row in rows.ranked if row.source == name])
            for name in SETS
            if name != held
        ]
        sets += [differences([row for row in rows.attacked if row.source != held])] * attacks
        weights[held] = learn(sets)
    shown = {
        held: dict(zip(names, found.round(3).tolist(), strict=True))
        for held, found in weights.items()
    }
    return lambda row: parts(row) @ weights[row.source], shown


def chosen_means(rows: Rows) -> tuple[Scorer, dict[str, tuple[str, ...]]]:
    """Choose members without each set in turn: the mean that ranks the other sets' answers and catches attacks best.

    Args:
        rows: What is chosen on. The labelled sets together count as much as the attacks.

    Returns:
        The scorer, in which a prompt is scored by the members that its set had no part in choosing, and the members by
        the set that was held out.
    """
    means = [
        members for size in range(1, len(MEMBERS) + 1) for members in combinations(MEMBERS, size)
    ]
    found = {members: _shares(rows, members) for members in means}
    chosen = {held: max(means, key=lambda members: _worth(found[members], held)) for held in (*SETS, ALL)}  # fmt: skip
    return lambda row: mean_of(row, chosen[row.source]), chosen


Shares = tuple[Mapping[str, float], Mapping[str, list[float]]]


def _shares(rows: Rows, members: Sequence[str]) -> Shares:
    """Count the pairs ranked rightly by set, and by set the attacks caught on each row."""
    by_set: dict[str, list[float]] = {}
    caught: dict[str, list[float]] = {}
    for row in rows.ranked:
        if len(set(row.labels.tolist())) > 1:
            by_set.setdefault(row.source, []).append(_share(row, mean_of(row, members)))
    for row in rows.attacked:
        caught.setdefault(row.source, []).append(_share(row, mean_of(row, members)))
    return {name: float(np.mean(values)) for name, values in by_set.items()}, caught


def _share(row: Measured, scores: Floats) -> float:
    scores = scores.round(6)
    better, worse = np.nonzero(row.labels[:, None] > row.labels[None, :])
    ahead = scores[better] - scores[worse]
    return float(np.mean((ahead > 0) + 0.5 * (ahead == 0)))


def _worth(shares: Shares, held: str) -> float:
    by_set, caught = shares
    ranking = np.mean([value for name, value in by_set.items() if name != held])
    attacks = np.mean([value for name, own in caught.items() if name != held for value in own])
    return float(ranking + attacks)


def scored(scorer: Scorer, rows: Sequence[Measured]) -> Scored:
    """Score answers; empty ones get less than any other, and rounding errors are made ties."""
    return [(row, np.where(row.lengths == 0, -99, scorer(row)).round(6)) for row in rows]
