"""How long do reading and comparing formulas take? Prints a table; one core, a minute.

python benchmarks/logic_speed.py --data DIR
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from logic_data import read_formulas, strangers

from rlsr.config.reward import LogicReward
from rlsr.embeddings import load_named_embedder
from rlsr.logic import (
    equivalent,
    literal_evaluation_scores,
    model_sampling_scores,
    parse_formula,
    print_formula,
)
from rlsr.logic.syntax import Binary
from rlsr.rewards import FormulaSimilarity, RewardBatch
from rlsr.rewards.logic import formula_bleu

NUM_TRIES = 3
NUM_PROVED = 200


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the gzip file")
    formulas, _ = read_formulas(parser.parse_args().data)
    embedder = load_named_embedder("builtin:wordllama", "cpu")
    texts = [print_formula(formula) for formula in formulas]
    others = strangers(formulas, 0)
    near = [
        (Binary("and", formula, other), formula)
        for formula, other in zip(formulas, others, strict=True)
    ]
    far = list(zip(others, formulas, strict=True))
    reward = FormulaSimilarity(LogicReward(), embedder)
    batch = RewardBatch.of_texts(texts, [print_formula(pair[0]) for pair in near], texts)
    _show("parse_formula", len(texts), lambda: [parse_formula(text) for text in texts])
    _show("model_sampling, related", len(near), lambda: model_sampling_scores(near, embedder))
    _show("model_sampling, unrelated", len(far), lambda: model_sampling_scores(far, embedder))
    _show("le, related", len(near), lambda: literal_evaluation_scores(near, embedder))
    _show("BLEU", len(near), lambda: formula_bleu(near))
    _show("whole reward", len(near), lambda: reward.score(batch))
    proved = near[:NUM_PROVED]
    _show("z3 equivalence", NUM_PROVED, lambda: [equivalent(*pair) for pair in proved])


def _show(name: str, count: int, work: Callable[[], object]) -> None:
    """Print the first time, in which nothing is known yet, and the best of the next ones."""
    seconds = [_seconds(work) for _ in range(1 + NUM_TRIES)]
    first, best = seconds[0], min(seconds[1:])
    sys.stdout.write(
        f"{name:28s} {1e6 * first / count:8.0f} us, again {1e6 * best / count:8.0f} us, n {count}\n"
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
