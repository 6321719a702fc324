"""What do the logic scores say of formulas that were changed in a known way? The tables of logic-failures.md.

    python benchmarks/logic_failures.py --data DIR --out benchmarks/logic-failures.md

DIR holds the FOLIO pairs that logic_data.py reads. Half a minute on one core.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from logic_data import CHANGES, FILE, read_formulas, strangers
from numpy.typing import NDArray

from rlsr.config.logic import LiteralEvaluation, ModelSampling
from rlsr.embeddings import Embedder, load_named_embedder
from rlsr.logic import Formula, equivalent, literal_evaluation_scores, model_sampling_scores
from rlsr.rewards.logic import formula_bleu
from rlsr.statistics import bootstrap_mean

ENCODER = "builtin:wordllama"
Pairs = Sequence[tuple[Formula | None, Formula | None]]
Floats = NDArray[np.float64]


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="directory with the gzip file")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args()
    formulas, unread = read_formulas(arguments.data)
    embedder = load_named_embedder(ENCODER, "cpu")
    lines = [
        "# What the logic scores say of changed formulas",
        "",
        f"Written by `python benchmarks/logic_failures.py` from {len(formulas)} formulas of FOLIO (v0.0, CC BY-SA 4.0). A formula is "
        "the reference, the changed one the response; each change is made where it applies. Mean score, 95 % bootstrap interval, n. "
        f"`le` is the paper's score without a threshold (FOLIO) and with 0.6 (its preference task), `model_sampling` ours; encoder {ENCODER}.",
        "",
        *_score_table(formulas, embedder),
        "",
        "n is that of `model_sampling`; `le` leaves out what is beyond its limits.",
        "",
        "Below 1 among the equivalent changes: formulas that are valid, and names that the encoder does not recognise. "
        f"{_false_ones(formulas, embedder)}",
        "",
        "## Formulas that are none",
        "",
        f"{len(unread)} of the {len(formulas) + len(unread)} rows of {FILE} are not read ({len(formulas) / (len(formulas) + len(unread)):.1%} are):",
        "",
        *(f"- {line}" for line in unread),
        "",
    ]
    arguments.out.write_text("\n".join(lines), encoding="utf-8")


def _score_table(formulas: Sequence[Formula], embedder: Embedder) -> list[str]:
    lines = [
        "| change | model_sampling | le | le, threshold 0.6 | BLEU | n |",
        "|---|---|---|---|---|---|",
    ]
    for name, pairs in _changed(formulas).items():
        columns = [
            model_sampling_scores(pairs, embedder),
            literal_evaluation_scores(pairs, embedder),
            literal_evaluation_scores(pairs, embedder, LiteralEvaluation(min_cosine=0.6)),
            formula_bleu(pairs),
        ]
        shown = " | ".join(map(_interval, columns))
        lines.append(f"| {name} | {shown} | {int((~np.isnan(columns[0])).sum())} |")
    return lines


def _changed(formulas: Sequence[Formula]) -> dict[str, Pairs]:
    rows = list(zip(formulas, strangers(formulas, 0), strangers(formulas, 1), strict=True))
    return {
        name: [
            (response, formula)
            for formula, other, third in rows
            if (response := change(formula, other, third)) is not None
        ]
        for name, change in CHANGES.items()
    }


def _interval(scores: Floats) -> str:
    scored = scores[~np.isnan(scores)]
    estimate = bootstrap_mean(scored, confidence=0.95, num_resamples=2000)
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _false_ones(formulas: Sequence[Formula], embedder: Embedder) -> str:
    """Ask z3 about every changed formula with the reference's names that scored exactly 1."""
    verdicts: Counter[bool | None] = Counter()
    for name, pairs in _changed(formulas).items():
        if "predicates" in name:
            continue
        scores = model_sampling_scores(pairs, embedder, ModelSampling())
        ones = [pair for pair, score in zip(pairs, scores, strict=True) if score == 1]
        for response, reference in ones:
            assert response is not None and reference is not None  # noqa: PT018
            verdicts[equivalent(response, reference)] += 1
    return (
        f"Of {verdicts.total()} changed formulas with the reference's predicates that score 1, z3 calls {verdicts[True]} equivalent, "
        f"{verdicts[False]} not, and leaves {verdicts[None]} open: the difference shows in too few interpretations."
    )


if __name__ == "__main__":
    main()
