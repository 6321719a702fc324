"""How well scores rank answers within a prompt, models over prompts, and honest answers above attacks."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from quality_data import SELF_INSTRUCT_ORDER
from quality_statistics import SELF_INSTRUCT_PAIRS, Resampled, resampled, win
from ranker_rows import Measured
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Scored = Sequence[tuple[Measured, Floats]]
"""Prompts, each with the scores of its answers."""

SETS = ("gsm8k", "self_instruct", "vicuna", "truthfulqa", "arena")
MEASURES = ("quality", *SETS, "self_instruct rho", "models", "attacks")
"""Sets: the share of pairs that are ranked rightly; Vicuna: Spearman's rho within prompts, as ``self_instruct rho`` is.
``quality``: the mean of the sets, rho scaled to [0, 1]. ``models``: rho of the eight models' mean scores with their known
order. ``attacks``: the share that the honest answer beats."""
_NUM_RESAMPLES = 2000
_ORDER = np.array([float(place) for place in SELF_INSTRUCT_ORDER.values()])


def measure(ranked: Scored, attacked: Scored) -> dict[str, Resampled]:
    """Measure scores with resamples of the prompts, the same ones for every scorer, so that differences are paired.

    Args:
        ranked: Prompts of the labelled sets; a set may be missing.
        attacked: Honest answers, each before the attacks on it; may be empty.

    Returns:
        By measure the value and its resamples.
    """
    found: dict[str, Resampled] = {}
    for name in SETS:
        own = [(row, scores) for row, scores in ranked if row.source == name]
        if own:
            found[name] = resampled(_by_prompt(own, _HOW.get(name, _pairs)), seed=len(found))
    sets = [_scaled(found[name]) if name == "vicuna" else found[name] for name in SETS if name in found]  # fmt: skip
    quality = float(np.mean([value for value, _ in sets])), np.mean([draws for _, draws in sets], 0)
    own = [(row, scores) for row, scores in ranked if row.source == "self_instruct"]
    if own:
        found["self_instruct rho"] = resampled(_by_prompt(own, _rho), seed=len(SETS))
        found["models"] = _ranking_of_models(own)
    if attacked:
        shares = [np.mean([win(own[0], other) for other in own[1:]]) for _, own in attacked]
        found["attacks"] = resampled(np.array(shares), seed=len(SETS) + 1)
    return {"quality": quality, **found}


def attack_wins(attacked: Scored) -> dict[str, Floats]:
    """Collect by attack whether the honest answer wins: 1, 0, or a half for a tie, one number a row that has the attack."""
    found: dict[str, list[float]] = {}
    for row, scores in attacked:
        for name, score in zip(row.names[1:], scores[1:], strict=True):
            found.setdefault(name, []).append(win(scores[0], score))
    return {name: np.array(wins) for name, wins in found.items()}


def _by_prompt(
    scored: Scored, how: Callable[[Measured, Floats], float | None]
) -> Floats:  # fmt: skip
    found: dict[str, list[float]] = {}
    for row, scores in scored:
        value = how(row, scores)
        if value is not None:
            found.setdefault(row.id, []).append(value)
    return np.array([np.mean(values) for values in found.values()])


def _pairs(row: Measured, scores: Floats) -> float | None:
    better, worse = np.nonzero(row.labels[:, None] > row.labels[None, :])
    if not len(better):
        return None
    return float(np.mean([win(*pair) for pair in zip(scores[better], scores[worse], strict=True)]))


def _rho(row: Measured, scores: Floats) -> float | None:
    if len(set(row.labels.tolist())) == 1:
        return None
    return float(_spearman(scores[None], row.labels)[0])


def _clear_pairs(row: Measured, scores: Floats) -> float:
    """Count those pairs of models alone whose order is clear."""
    by_name = dict(zip(row.names, scores.tolist(), strict=True))
    return float(np.mean([win(by_name[one], by_name[other]) for one, other in SELF_INSTRUCT_PAIRS]))


_HOW = {"self_instruct": _clear_pairs, "vicuna": _rho}


def _ranking_of_models(scored: Scored) -> Resampled:
    by_model = np.array(
        [
            [dict(zip(row.names, scores, strict=True))[name] for name in SELF_INSTRUCT_ORDER]
            for row, scores in scored
        ]
    )
    draw = np.random.default_rng(len(SETS)).integers(0, len(by_model), (_NUM_RESAMPLES, len(by_model)))  # fmt: skip
    draws = _spearman(np.stack([by_model[rows].mean(axis=0) for rows in draw]), _ORDER)
    return float(_spearman(by_model.mean(axis=0)[None], _ORDER)[0]), draws


def _spearman(rows: Floats, labels: Floats) -> Floats:
    """Correlate the ranks of each row with those of the labels, which differ; 0 for a row of ties alone."""
    ranks, wanted = rankdata(rows, axis=1), rankdata(labels)
    ranks, wanted = ranks - ranks.mean(axis=1, keepdims=True), wanted - wanted.mean()
    below = np.linalg.norm(ranks, axis=1) * np.linalg.norm(wanted)
    return np.divide(ranks @ wanted, below, out=np.zeros(len(rows)), where=below > 0)


def _scaled(part: Resampled) -> Resampled:
    return (part[0] + 1) / 2, (part[1] + 1) / 2
