"""The mean of the weights of a recipe's seeds beside the seeds: what averaging adds, recipe by recipe and set by set.

python benchmarks/averaged_seeds.py reads every results/claim-SET.json that has a claim-SET-averaged.json beside it, and writes the table between
the markers averaged-seeds of docs/log.md.
"""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from after_sft import LOG, RESULTS
from claim_statistics import Interval, difference
from claim_tables import put_between_markers
from step_tables import table_head, table_row

from rlsr.comparison.result import Comparison, read_comparison
from rlsr.evaluation.metrics import describe
from rlsr.statistics.in_words import number

DIFFERENCES = ("independent_similarity", "chrf", "bleu")
MEANS = ("length_ratio", "cut")
CONFIDENCE = 0.95
ENDING = "-averaged"


def main() -> None:
    """Write the table."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    head = [*(describe(name).short_label for name in DIFFERENCES), "length", "cut"]
    lines = table_head(
        "mean of the weights",
        *head,
        *(f"less the seeds: {name}" for name in head[: len(DIFFERENCES)]),
    )
    for file in sorted(RESULTS.glob(f"claim-*{ENDING}.json")):
        name = file.stem.removesuffix(ENDING)
        seeds = read_comparison(RESULTS / f"{name}.json")
        lines += _rows(name.removeprefix("claim-"), seeds, read_comparison(file))
    text = put_between_markers(LOG.read_text(encoding="utf-8"), "averaged-seeds", "\n".join(lines), LOG)  # fmt: skip
    LOG.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{LOG}: {len(lines) - 2} rows\n")


def _rows(name: str, seeds: Comparison, means: Comparison) -> Iterator[str]:
    for recipe in means.recipes:
        if not recipe.methods:
            continue
        own, others = means.scores[recipe.name], seeds.scores[recipe.name]
        levels = [
            number(float(np.nanmean(own[metric])), describe(metric).digits)
            for metric in (*DIFFERENCES, *MEANS)
        ]
        added = [
            # Every seed stands beside the one mean.
            _in_words(
                difference(-np.array(others[metric]), -np.array(own[metric]), CONFIDENCE), metric
            )
            for metric in DIFFERENCES
        ]
        yield from table_row(f"{name}, {recipe.name}", *levels, *added)


def _in_words(found: Interval | None, metric: str) -> str:
    assert found is not None, "both were scored"
    mean, low, high = (number(end, describe(metric).digits, sign=True) for end in found)
    return f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    main()
