"""How often the intervals of held-out metrics hold the truth, by the number of prompts.

    python benchmarks/interval_coverage.py --out benchmarks/results/interval-coverage.json

Draws paired differences from populations of the shapes that held-out metrics have, and counts the intervals that hold the
population's mean; and, where that is 0, those that would be read as a difference. ``rlsr.statistics.estimate.FEWEST_UNITS``
is set by what comes out.
"""

import argparse
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from rlsr.statistics.resamples import Floats

logger = logging.getLogger(__name__)

Draw = Callable[[np.random.Generator, int], Floats]

SIZES = (2, 6, 12, 16, 20, 24, 28, 32, 48, 64, 128)
POPULATION = 1_000_000
"""Draws that a population's mean is computed from."""
CHUNK = 100
"""Samples that share their resamples."""
RESAMPLES = 1_000


def _similarity(rng: np.random.Generator, num: int) -> Floats:
    """Of two policies that are near each other: a tenth answers alike, few answers change much."""
    return np.where(rng.random(num) < 0.1, 0.0, np.clip(rng.laplace(0.0, 0.09, num), -1.0, 1.0))


def _similarity_gained(rng: np.random.Generator, num: int) -> Floats:
    """Of the first training: most gain little, some gain much."""
    return np.clip(rng.gamma(1.2, 0.16, num) - 0.1, -1.0, 1.0)


def _bleu(rng: np.random.Generator, num: int) -> Floats:
    """Most answers share few words with the reference, before and after; some share very many."""
    return np.clip(rng.gamma(0.7, 9.0, num), 0, 100) - np.clip(rng.gamma(0.7, 6.0, num), 0, 100)


def _bleu_with_a_copy(rng: np.random.Generator, num: int) -> Floats:
    """One answer in a hundred was the reference word for word, and is no longer."""
    lost = rng.random(num) < 0.01
    return np.where(lost, -60.0, rng.normal(0.0, 4.0, num))


def _length(rng: np.random.Generator, num: int) -> Floats:
    """Ratios to the reference's length, with a long tail."""
    return rng.lognormal(0.0, 0.6, num) - rng.lognormal(0.3, 0.6, num)


def _share(fell: float, rose: float) -> Draw:
    """Of answers that are counted or not, as those that were cut."""

    def draw(rng: np.random.Generator, num: int) -> Floats:
        where = rng.random(num)
        return np.where(where < fell, -1.0, np.where(where < fell + rose, 1.0, 0.0))

    return draw


SHAPES: Mapping[str, Draw] = {
    "similarity": _similarity,
    "similarity, first gain": _similarity_gained,
    "BLEU": _bleu,
    "BLEU, a copy lost": _bleu_with_a_copy,
    "length ratio": _length,
    "share, 60 % changed": _share(0.55, 0.05),
    "share, 20 % changed": _share(0.12, 0.08),
    "share, 10 % changed": _share(0.02, 0.08),
    "share, 4 % changed": _share(0.01, 0.03),
}


def coverage(draw: Draw, size: int, *, trials: int, confidence: float) -> dict[str, float]:
    """Count the intervals that hold the mean of a population, and those that leave out 0 where the mean is 0.

    Args:
        draw: Draws from the population.
        size: Prompts.
        trials: Samples, in hundreds.
        confidence: Level of the intervals.

    Returns:
        Shares of the samples: ``bca`` and ``percentile`` hold the mean; ``read`` are the BCa intervals that leave out 0 though
        the mean is 0, since every difference has a sign at random.
    """
    rng = np.random.default_rng(1)
    mean = float(draw(rng, POPULATION).mean())
    shares = []
    for _ in range(trials // CHUNK):
        values = draw(rng, CHUNK * size).reshape(CHUNK, size)
        even = values * rng.choice([-1.0, 1.0], values.shape)
        found = intervals(values, rng, confidence)
        low, high = intervals(even, rng, confidence)["bca"]
        shares.append(
            {name: np.mean((ends[0] <= mean) & (mean <= ends[1])) for name, ends in found.items()}
            | {"read": np.mean((low > 0) | (high < 0))}
        )
    return {name: round(float(np.mean([share[name] for share in shares])), 4) for name in shares[0]}


def intervals(
    values: Floats, rng: np.random.Generator, confidence: float
) -> dict[str, tuple[Floats, Floats]]:
    """Draw the intervals of many samples at once, as ``rlsr.statistics`` draws those of one.

    Args:
        values: (sample, prompt).
        rng: Of the resampling.
        confidence: Level.

    Returns:
        Lower and upper ends, (sample,): ``bca`` as of one policy or of two, ``percentile`` as of a comparison of recipes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options: Any = {"axis": 1, "confidence_level": confidence, "rng": rng, "vectorized": True}
        bca = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, batch=100, **options)
        plain = stats.bootstrap((values,), np.mean, n_resamples=0, bootstrap_result=bca, method="percentile", **options)  # fmt: skip
    # Where values are nearly alike BCa has no ends.
    known = np.isfinite(bca.confidence_interval.low) & np.isfinite(bca.confidence_interval.high)
    ends = zip(bca.confidence_interval, plain.confidence_interval, strict=True)
    low, high = (np.where(known, own, other) for own, other in ends)
    return {"bca": (low, high), "percentile": tuple(plain.confidence_interval)}


def main() -> None:
    """Count and write the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument("--trials", type=int, default=2_000, help="samples of each kind")
    parser.add_argument("--confidence", type=float, default=0.95)
    arguments = parser.parse_args()
    found: dict[str, dict[int, dict[str, float]]] = {name: {} for name in SHAPES}
    for size in SIZES:
        for name, draw in SHAPES.items():
            found[name][size] = coverage(draw, size, trials=arguments.trials, confidence=arguments.confidence)  # fmt: skip
            logger.info("%d prompts, %s: %s", size, name, found[name][size])
    table = {"trials": arguments.trials, "confidence": arguments.confidence, "shapes": found}
    arguments.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
