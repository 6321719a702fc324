"""The same ways to go on after SFT on several sets: what each adds to the SFT that it began with, set by set and in all.

python benchmarks/across_sets.py DIR SET... --ways a=WORDS b=WORDS [--name across-sets] keeps ``results/NAME.json`` of the runs
DIR/SET-sft and DIR/SET-WAY, WORDS saying what sets a way apart, and writes its table between the markers NAME of docs/log.md; without
sets the table is made anew from what is kept.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from after_sft import LOG, RESULTS, Row, numbers, row_of
from claim_tables import put_between_markers
from scipy import stats
from step_tables import table_head, table_row

from rlsr.evaluation.metrics import describe
from rlsr.runs import RunDirectory
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics import Estimate
from rlsr.statistics.in_words import mean_with_interval, number

DIFFERENCES = ("independent_similarity", "chrf", "bleu")
MEANS = ("length_ratio", "cut", "repetition")
CONFIDENCE = 0.95


@dataclass(frozen=True)
class DataSet:
    """What was trained on one set."""

    name: str
    """Of the set."""
    sft: Row
    """What all ways began with."""
    ways: tuple[Row, ...]
    """The same ways in the same order for every set."""


def main() -> None:
    """Keep what runs have given, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", nargs="?", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument(
        "--ways", nargs="+", default=[], help="ends of the names of the runs, as in a=WORDS"
    )
    parser.add_argument("--name", default="across-sets", help="of the table")
    asked = parser.parse_args()
    kept = RESULTS / f"{asked.name}.json"
    if asked.directory:
        found = [_read(asked.directory, name, asked.ways) for name in asked.sets]
        kept.write_text(json.dumps(to_table(found), indent=1) + "\n", encoding="utf-8")
    sets = from_table(list[DataSet], json.loads(kept.read_text(encoding="utf-8")))
    text = put_between_markers(LOG.read_text(encoding="utf-8"), asked.name, table(sets), LOG)
    LOG.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(sets)} sets: {kept}, {LOG}\n")


def _read(directory: Path, name: str, ways: Sequence[str]) -> DataSet:
    sft = RunDirectory.open(directory / f"{name}-sft")

    def row(end: str, words: str) -> Row:
        run = RunDirectory.open(directory / f"{name}-{end}")
        found = row_of(run, sft, paired=DIFFERENCES, means=(*DIFFERENCES, *MEANS))
        return replace(found, settings=words or found.settings)

    named = [way.partition("=") for way in ways]
    return DataSet(name, row("sft", "SFT"), tuple(row(end, words) for end, _, words in named))


def over_sets(values: Sequence[float]) -> Estimate:
    """Estimate a mean over sets, of which there could have been others.

    Args:
        values: One a set, at least two.

    Returns:
        The mean with the interval of Student's t.
    """
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Estimate(mean, mean - half, mean + half, len(values))


def table(sets: Sequence[DataSet]) -> str:
    """Write what is kept as Markdown: the sets, then the means over them, each way by itself and against the first."""
    head = [
        *(describe(name).short_label for name in DIFFERENCES),
        "length",
        "cut",
        "repeats itself",
    ]
    lines = [*table_head("set", "", "steps", *head)]
    for one in sets:
        lines += _line(one.name, one.sft)
        for row in one.ways:
            lines += _line("", row)
    for place, row in enumerate(sets[0].ways):
        cells = [_mean_difference(sets, place, name) for name in DIFFERENCES]
        means = [
            number(float(np.mean([one.ways[place].means[name] for one in sets])), describe(name).digits)
            for name in MEANS
        ]  # fmt: skip
        lines += table_row("all, by sets" if place == 0 else "", row.settings, "", *cells, *means)
    for place, row in list(enumerate(sets[0].ways))[1:]:
        cells = [_mean_difference(sets, place, name, than=0) for name in DIFFERENCES]
        lines += table_row(
            "", f"{row.settings}, minus {sets[0].ways[0].settings}", "", *cells, "", "", ""
        )
    return "\n".join(lines)


def _line(name: str, row: Row) -> list[str]:
    return table_row(name, row.settings, *numbers(row, paired=DIFFERENCES, means=MEANS))


def _mean_difference(
    sets: Sequence[DataSet], place: int, name: str, *, than: int | None = None
) -> str:
    own = np.array([one.ways[place].differences[name].mean for one in sets])
    if than is not None:
        own -= [one.ways[than].differences[name].mean for one in sets]
    return mean_with_interval(over_sets(own.tolist()), describe(name).digits, sign=True)


if __name__ == "__main__":
    main()
