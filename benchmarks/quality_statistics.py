"""What a similarity is worth: ranks within a prompt, with bootstrap intervals over prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from quality_attacks import CORE, FACTS, HONEST, AttackedRow
from quality_data import Group
from scipy.stats import spearmanr

Floats = NDArray[np.float64]
Resampled = tuple[float, Floats]
"""A value and its resamples."""

QUALITY = ("gsm8k", "self_instruct", "vicuna", "truthfulqa", "arena")
MEASURES = ("quality", *QUALITY, "core", "facts", "padding")

_STRONG = ("text-davinci-001", "text-davinci-002", "text-davinci-003")
_WEAK = ("davinci", "davinci-t0-ft", "davinci-superni-ft")
_MIDDLE = ("davinci-self-instruct", "davinci-self-instruct-and-superni-ft")
SELF_INSTRUCT_PAIRS = (
    *((strong, weak) for strong in _STRONG for weak in _WEAK),
    *(("text-davinci-003", middle) for middle in _MIDDLE),
)
_NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def rounded(self) -> list[float]:
        """Give value, low and high as they are kept."""
        return [round(number, 4) for number in (self.value, self.low, self.high)]


def win(better: float, worse: float) -> float:
    """Count a pair: 1 where the better answer has the higher score, a half for a tie."""
    return float(better > worse) + 0.5 * float(better == worse)


def per_prompt(
    groups: Sequence[Group],
    scores: Sequence[Floats],
    rows: Sequence[AttackedRow],
    attacked: Sequence[dict[str, float]],
) -> dict[str, Floats]:
    """Measure a similarity prompt by prompt.

    Args:
        groups: Prompts with answers of known quality.
        scores: The scores of each group's answers.
        rows: Prompts with attacked answers.
        attacked: The scores of each row's answers by attack.

    Returns:
        One number a prompt by measure: share of the pairs that are ranked rightly (Spearman's rho for Vicuna), share
        of the attacks that the honest answer beats, share of prompts where filling up half an answer does not pay.
    """
    found: dict[str, dict[str, list[float]]] = {source: {} for source in QUALITY}
    for group, values in zip(groups, scores, strict=True):
        value = _rank_quality(group, values)
        if value is not None:
            found[group.source].setdefault(group.id, []).append(value)
    measures = {
        source: np.array([np.mean(values) for values in by_id.values()])
        for source, by_id in found.items()
    }
    for name, attacks in (("core", CORE), ("facts", FACTS)):
        measures[name] = np.array([
            np.mean([win(row[HONEST], row[attack]) for attack in attacks if attack in row])
            for row in attacked
            if any(attack in row for attack in attacks)
        ])  # fmt: skip
    measures["padding"] = np.array(
        [win(row["first half"], row["half and filler"]) for row in attacked]
    )
    assert len(rows) == len(attacked), "one set of scores a row"
    return measures


def _rank_quality(group: Group, values: Floats) -> float | None:
    """Say how well scores rank a prompt's answers; None where all are equally good."""
    labels = np.array(group.labels)
    if len(set(group.labels)) == 1:
        return None
    if group.source == "vicuna":
        return 0.0 if len(set(values.tolist())) == 1 else float(spearmanr(values, labels)[0])
    if group.source == "self_instruct":
        by_name = dict(zip(group.names, values.tolist(), strict=True))
        return float(
            np.mean([win(by_name[one], by_name[other]) for one, other in SELF_INSTRUCT_PAIRS])
        )
    good, bad = values[labels == 1], values[labels == 0]
    return float(np.mean([win(one, other) for one in good for other in bad]))


def bootstrap(measures: dict[str, Floats]) -> dict[str, Resampled]:
    """Resample prompts; the same prompts for every similarity, so that differences are paired.

    Args:
        measures: One number a prompt by measure.

    Returns:
        The value and its resamples by measure; ``quality`` is the mean over the five sets, rho scaled to [0, 1].
    """
    found = {
        name: resampled(values, seed=place) for place, (name, values) in enumerate(measures.items())
    }
    parts = [found[name] if name != "vicuna" else _scaled(found[name]) for name in QUALITY]
    value = float(np.mean([part[0] for part in parts]))
    found["quality"] = (value, np.mean([part[1] for part in parts], axis=0))
    return found


def resampled(values: Floats, *, seed: int) -> Resampled:
    """Resample the mean of one number a prompt."""
    draw = np.random.default_rng(seed).integers(0, len(values), (_NUM_RESAMPLES, len(values)))
    return float(values.mean()), values[draw].mean(axis=1)


def _scaled(part: Resampled) -> Resampled:
    return (part[0] + 1) / 2, (part[1] + 1) / 2


def interval(part: Resampled) -> Interval:
    """Make the percentile interval of a value and its resamples."""
    low, high = np.percentile(part[1], [2.5, 97.5])
    return Interval(part[0], float(low), float(high))


def paired(one: Resampled, other: Resampled) -> Interval:
    """Make the interval of the difference of two similarities, one minus other."""
    return interval((one[0] - other[0], one[1] - other[1]))
