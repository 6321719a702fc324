"""RLSR after the same SFT by the recipe's default reward and by the paper's cosine, judged by what neither has seen.

    python benchmarks/default_reward.py judge SET NAME RUN...    adds the seeds of a recipe to results/default-reward.json
    python benchmarks/default_reward.py table                    writes the table between the markers default-reward of docs/log.md

NAME is one of sft, cosine and blend; seeds in the same order. `judge` needs what third_encoder.py needs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
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
KEPT = HERE / "results" / "default-reward.json"
PAGE = HERE.parent / "docs" / "log.md"
CONFIDENCE = 0.95
NAMES = ("sft", "cosine", "blend")
ENCODERS: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "third encoder": third_encoder,
    "MiniLM": lambda texts: load_named_embedder("builtin:minilm", "cpu").encode(texts).vectors,
    "wordllama": lambda texts: load_named_embedder("builtin:wordllama", "cpu").encode(texts).vectors,
}  # fmt: skip
SCORED = {"BLEU": "bleu", "chrF": "chrf", "length": "length_ratio", "cut": "cut"}
DIGITS = {"BLEU": 1, "chrF": 1}
"""3 elsewhere."""
SEEN = {"cosine": {"MiniLM"}, "blend": {"wordllama", "chrF"}}
"""What the reward is made of."""
PAIRS = (("cosine", "sft"), ("blend", "sft"), ("blend", "cosine"))


def main() -> None:
    """Judge the answers of a recipe's seeds, or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("judge")
    judge.add_argument("set")
    judge.add_argument("name", choices=NAMES)
    judge.add_argument("runs", nargs="+", type=Path)
    commands.add_parser("table")
    asked = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    if asked.command == "judge":
        runs = [RunDirectory.open(run).read_evaluation("after") for run in asked.runs]
        kept.setdefault(asked.set, {})[asked.name] = _judged([rows or [] for rows in runs])
        KEPT.write_text(f"{json.dumps(kept)}\n", encoding="utf-8")
    else:
        text = put_between_markers(PAGE.read_text(encoding="utf-8"), "default-reward", table(kept), PAGE)  # fmt: skip
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{KEPT if asked.command == 'judge' else PAGE}\n")


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
    """Set by set, the means of each reward and the differences between them; in brackets what is in the reward of one side.

    Args:
        kept: By set and name, scores by metric, (seed, prompt).

    Returns:
        Markdown.
    """
    metrics = [*ENCODERS, *SCORED]
    lines = table_head("", *metrics)
    for of_set, found in kept.items():
        for name in NAMES:
            means = (number(float(np.mean(found[name][one])), DIGITS.get(one, 3)) for one in metrics)  # fmt: skip
            lines += table_row(f"{of_set}, {name}", *means)
        for ours, theirs in PAIRS:
            seen = SEEN[ours] | SEEN.get(theirs, set())
            cells = [
                _in_words(found[ours][one], found[theirs][one], DIGITS.get(one, 3), one in seen)
                for one in metrics
            ]
            lines += table_row(f"{of_set}, {ours} - {theirs}", *cells)
    return "\n".join(lines)


def _in_words(ours: Any, theirs: Any, digits: int, is_seen: bool) -> str:
    found = difference(np.array(ours), np.array(theirs), CONFIDENCE)
    if found is None:
        return NOTHING
    mean, low, high = (number(end, digits, sign=True) for end in found)
    text = f"{mean} [{low}, {high}]"
    return f"({text})" if is_seen else text


if __name__ == "__main__":
    main()
