"""Answers that runs have kept, judged once more by the same encoders, whatever each run was rewarded by.

    python benchmarks/judged_again.py judge NAME SET RECIPE RUN...    adds the seeds of a recipe to results/NAME.json
    python benchmarks/judged_again.py table NAME [--together SET SET] [--against RECIPE RECIPE]
                                                                      writes the table between the markers NAME of docs/log.md

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
from claim_over_sets import CONFIDENCE, mean_difference, over_sets
from claim_tables import put_between_markers
from step_tables import table_head, table_row
from third_encoder import ThirdEncoder, answers_of, closeness

from rlsr.embeddings import Embedder, load_named_embedder
from rlsr.runs.rows import HeldoutRow
from rlsr.statistics.in_words import number

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "log.md"
ENCODERS: Mapping[str, Callable[[], Embedder]] = {
    "third encoder": ThirdEncoder,
    "MiniLM": lambda: load_named_embedder("builtin:minilm", "cpu"),
    "wordllama": lambda: load_named_embedder("builtin:wordllama", "cpu"),
}
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
    write = commands.add_parser("table")
    write.add_argument("name")
    write.add_argument("--together", nargs="+", default=(), help="sets whose mean is shown, too")
    write.add_argument("--against", nargs="+", help="recipes that those after them are set against")
    asked = parser.parse_args()
    file = RESULTS / f"{asked.name}.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if asked.command == "judge":
        kept.setdefault(asked.set, {})[asked.recipe] = _judged([*map(answers_of, asked.runs)])
        file.write_text(f"{json.dumps(kept)}\n", encoding="utf-8")
    else:
        lines = table(kept, asked.together, asked.against)
        text = put_between_markers(PAGE.read_text(encoding="utf-8"), asked.name, lines, PAGE)
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{file if asked.command == 'judge' else PAGE}\n")


def _judged(seeds: Sequence[Sequence[HeldoutRow]]) -> dict[str, list[list[float]]]:
    encoders = {name: load() for name, load in ENCODERS.items()}
    by_encoder = {
        name: [closeness(rows, encoder) for rows in seeds] for name, encoder in encoders.items()
    }
    scored = {
        name: [[row.scores[metric] for row in rows] for rows in seeds]
        for name, metric in SCORED.items()
    }
    return {
        name: [[round(float(score), 4) for score in scores] for scores in table]
        for name, table in {**by_encoder, **scored}.items()
    }


def table(
    kept: Mapping[str, Mapping[str, Mapping[str, Any]]],
    together: Sequence[str] = (),
    against: Sequence[str] | None = None,
) -> str:
    """Set by set, the means of each recipe and the differences between them; in brackets what one side was trained on.

    Args:
        kept: By set and recipe, scores by metric, (seed, prompt).
        together: Sets over which the differences are shown, too, of the recipes of the first, which all of them have.
        against: Recipes that those after them are set against; if not given, all where a set has three or fewer, else the first one.

    Returns:
        Markdown.
    """
    metrics = [*ENCODERS, *SCORED]
    lines = table_head("", *metrics)
    for of_set, found in kept.items():
        for name, scores in found.items():
            means = (number(float(np.mean(scores[one])), DIGITS.get(one, 3)) for one in metrics)
            lines += table_row(f"{of_set}, {name}", *means)
        for theirs, ours in _pairs(list(found), against):
            lines += _row(of_set, [found], ours, theirs)
    sets = [kept[name] for name in together]
    for theirs, ours in _pairs(list(sets[0]), against) if sets else ():
        lines += _row(" and ".join(together), sets, ours, theirs)
    return "\n".join(lines)


def _pairs(recipes: Sequence[str], against: Sequence[str] | None) -> list[tuple[str, str]]:
    if against is None and len(recipes) <= MOST_PAIRS:
        return list(combinations(recipes, 2))
    theirs = recipes[:1] if against is None else against
    return [(one, other) for one, other in combinations(recipes, 2) if one in theirs]


def trained_on(recipe: str) -> set[str]:
    """Say what a recipe's reward is made of: of the policy before training, SFT and DFT nothing, of RLSR the pull of lengths, and the cosine by MiniLM where it is not called the blend."""
    if "blend" in recipe:
        return {"wordllama", "chrF", "length"}
    return set() if recipe.startswith(("base", "sft", "dft")) else {"MiniLM", "length"}


def _row(label: str, sets: Sequence[Mapping[str, Any]], ours: str, theirs: str) -> list[str]:
    """Write the differences of two recipes over sets, of which each counts the same."""
    seen = trained_on(ours) | trained_on(theirs)
    cells = []
    for one in (*ENCODERS, *SCORED):
        tables = [(found[ours][one], found[theirs][one]) for found in sets]
        ends = over_sets(tables, mean_difference, CONFIDENCE)
        mean, low, high = (number(end, DIGITS.get(one, 3), sign=True) for end in ends)
        text = f"{mean} [{low}, {high}]"
        cells.append(f"({text})" if one in seen else text)
    return table_row(f"{label}, {ours} - {theirs}", *cells)


if __name__ == "__main__":
    main()
