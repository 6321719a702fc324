"""Answers that runs have kept, judged once more by the same encoders, whatever each run was rewarded by.

    python benchmarks/judged_again.py judge NAME SET RECIPE RUN...    adds the seeds of a recipe to results/NAME.json
    python benchmarks/judged_again.py table NAME                      writes the table between the markers NAME of docs/log.md

Seeds stand in the same order for all recipes of a set, or are one that stands beside all. `judge` needs what third_encoder.py needs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from claim_statistics import difference
from claim_tables import put_between_markers
from step_tables import table_head, table_row
from third_encoder import closeness, third_encoder

from rlsr.embeddings import load_named_embedder
from rlsr.runs.directory import RunDirectory
from rlsr.runs.rows import HeldoutRow
from rlsr.statistics.in_words import NOTHING, number

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "log.md"
CONFIDENCE = 0.95
ENCODERS: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "third encoder": third_encoder,
    "MiniLM": lambda texts: load_named_embedder("builtin:minilm", "cpu").encode(texts).vectors,
    "wordllama": lambda texts: load_named_embedder("builtin:wordllama", "cpu").encode(texts).vectors,
}  # fmt: skip
SCORED = {"BLEU": "bleu", "chrF": "chrf", "length": "length_ratio", "cut": "cut"}
DIGITS = {"BLEU": 1, "chrF": 1}
"""3 elsewhere."""
MOST_PAIRS = 3
"""Recipes of a set of which each is set against each; of more, against the first."""


def main() -> None:
    """Judge the answers of a recipe's seeds, or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("judge")
    judge.add_argument("name")
    judge.add_argument("set")
    judge.add_argument("recipe", help="in words; one with sft alone or with blend is known by that")
    judge.add_argument("runs", nargs="+", type=Path)
    commands.add_parser("table").add_argument("name")
    asked = parser.parse_args()
    file = RESULTS / f"{asked.name}.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if asked.command == "judge":
        runs = [RunDirectory.open(run).read_evaluation("after") for run in asked.runs]
        kept.setdefault(asked.set, {})[asked.recipe] = _judged([rows or [] for rows in runs])
        file.write_text(f"{json.dumps(kept)}\n", encoding="utf-8")
    else:
        text = put_between_markers(PAGE.read_text(encoding="utf-8"), asked.name, table(kept), PAGE)
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{file if asked.command == 'judge' else PAGE}\n")


def _judged(seeds: Sequence[Sequence[HeldoutRow]]) -> dict[str, list[list[float]]]:
    by_encoder = {
        name: [closeness(rows, encode) for rows in seeds] for name, encode in ENCODERS.items()
    }
    scored = {
        name: [[row.scores[metric] for row in rows] for rows in seeds]
        for name, metric in SCORED.items()
    }
    return {
        name: [[round(float(score), 4) for score in scores] for scores in table]
        for name, table in {**by_encoder, **scored}.items()
    }


def table(kept: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Set by set, the means of each recipe and the differences between them; in brackets what one side was trained on.

    Args:
        kept: By set and recipe, scores by metric, (seed, prompt).

    Returns:
        Markdown.
    """
    metrics = [*ENCODERS, *SCORED]
    lines = table_head("", *metrics)
    for of_set, found in kept.items():
        for name, scores in found.items():
            means = (number(float(np.mean(scores[one])), DIGITS.get(one, 3)) for one in metrics)
            lines += table_row(f"{of_set}, {name}", *means)
        pairs = list(combinations(found, 2))
        if len(found) > MOST_PAIRS:
            pairs = [pair for pair in pairs if pair[0] == next(iter(found))]
        for theirs, ours in pairs:
            seen = trained_on(ours) | trained_on(theirs)
            cells = [
                _in_words(found[ours][one], found[theirs][one], DIGITS.get(one, 3), one in seen)
                for one in metrics
            ]
            lines += table_row(f"{of_set}, {ours} - {theirs}", *cells)
    return "\n".join(lines)


def trained_on(recipe: str) -> set[str]:
    """Say what a recipe's reward is made of: of SFT nothing, of RLSR the cosine by MiniLM where it is not called the blend."""
    if "blend" in recipe:
        return {"wordllama", "chrF"}
    return set() if recipe.startswith("sft") else {"MiniLM"}


def _in_words(ours: Any, theirs: Any, digits: int, is_seen: bool) -> str:
    found = difference(np.array(ours), np.array(theirs), CONFIDENCE)
    if found is None:
        return NOTHING
    mean, low, high = (number(end, digits, sign=True) for end in found)
    text = f"{mean} [{low}, {high}]"
    return f"({text})" if is_seen else text


if __name__ == "__main__":
    main()
