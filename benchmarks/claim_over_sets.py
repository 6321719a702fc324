"""The claim over the sets of twelve minutes together: differences as means over the sets, and the ratio of the gains of all.

python benchmarks/claim_over_sets.py reads results/claim-SET.json and claim-SET-averaged.json, and writes the table between the markers over-sets
of claim.md. Prompts and seeds are drawn anew in each set for itself; the sets stay, so that an interval says nothing of other sets.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from claim_statistics import NUM_RESAMPLES, Interval
from claim_tables import put_between_markers
from step_tables import table_head, table_row

from rlsr.comparison.result import Comparison, read_comparison
from rlsr.evaluation.metrics import describe
from rlsr.statistics.crossed import weighted_means
from rlsr.statistics.in_words import NOTHING, number
from rlsr.statistics.resamples import Floats

HERE = Path(__file__).parent
SETS = ("builtin-12", "alpaca", "dolly")
METRICS = ("independent_similarity", "chrf", "bleu", "cut")
CONFIDENCE = 0.95

Scores = Sequence[Sequence[float]]


def main() -> None:
    """Write the table."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    seeds, means = (
        [read_comparison(HERE / "results" / f"claim-{name}{ending}.json") for name in SETS]
        for ending in ("", "-averaged")
    )
    names = (describe(metric).short_label for metric in METRICS)
    lines = table_head("mean over the sets", *names, "gain in the similarity / of SFT")
    for label, sides in {
        "SFT, then RLSR, minus SFT": [(one, "sft+rlsr", one, "sft") for one in seeds],
        "mean of the weights of three, minus that of three SFTs": [
            (one, "sft+rlsr", one, "sft") for one in means
        ],
        "mean of the weights of SFT, then RLSR, less its seeds": [
            (mean, "sft+rlsr", one, "sft+rlsr") for mean, one in zip(means, seeds, strict=True)
        ],
        "mean of the weights of SFT, less its seeds": [
            (mean, "sft", one, "sft") for mean, one in zip(means, seeds, strict=True)
        ],
    }.items():
        lines += _row(label, sides)
    page = HERE / "claim.md"
    text = put_between_markers(page.read_text(encoding="utf-8"), "over-sets", "\n".join(lines), page)  # fmt: skip
    page.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{page}: {len(lines) - 2} rows\n")


def over_sets(
    tables: Sequence[Sequence[Scores]], combine: Callable[[Floats], Floats], confidence: float
) -> Interval:
    """Estimate a number that is made of the means of several sets.

    Args:
        tables: For each set, tables of scores of the same prompts, (seed, prompt) each; one row stands beside every seed.
        combine: From means, (set, table, ...), to the number, (...).
        confidence: Level of the interval.

    Returns:
        The number with quantiles of resamples of prompts and seeds, those of each set drawn for themselves.
    """
    means, drawn = [], []
    for place, of_set in enumerate(tables):
        together = np.broadcast_arrays(*(np.asarray(table, dtype=np.float64) for table in of_set))
        known = ~np.isnan(sum(together))
        kept = [np.where(known, table, np.nan)[:, :, None] for table in together]
        means.append([np.nanmean(table) for table in kept])
        batches = list(weighted_means(kept, num_resamples=NUM_RESAMPLES, seed=place))
        drawn.append([np.concatenate(side).ravel() for side in zip(*batches, strict=True)])
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(combine(np.array(drawn)), [tail, 1 - tail])
    return float(combine(np.array(means))), float(low), float(high)


def mean_difference(means: Floats) -> Floats:
    """Average the differences of the first two tables over the sets."""
    found: Floats = (means[:, 0] - means[:, 1]).mean(axis=0)
    return found


def ratio_of_gains(means: Floats) -> Floats:
    """Divide what the first table has gained over the third by what the second has, added up over the sets."""
    gains = (means[:, :2] - means[:, 2:]).sum(axis=0)
    found: Floats = gains[0] / gains[1]
    return found


def _row(label: str, sides: Sequence[tuple[Comparison, str, Comparison, str]]) -> list[str]:
    cells = []
    for metric in METRICS:
        tables = [
            (ours.scores[mine][metric], theirs.scores[other][metric])
            for ours, mine, theirs, other in sides
        ]
        found = over_sets(tables, mean_difference, CONFIDENCE)
        cells.append(_in_words(found, describe(metric).digits, sign=True))
    if all(mine != other for _, mine, _, other in sides):
        gains = [
            tuple(one.scores[name][METRICS[0]] for name in (mine, other, "base"))
            for one, mine, _, other in sides
        ]
        cells.append(_in_words(over_sets(gains, ratio_of_gains, CONFIDENCE), 2))
    else:
        cells.append(NOTHING)
    return table_row(label, *cells)


def _in_words(found: Interval, digits: int, *, sign: bool = False) -> str:
    mean, low, high = (number(end, digits, sign=sign) for end in found)
    return f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    main()
