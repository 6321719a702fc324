"""In which direction does a reward push? What the preferred answers of a group have more of than the others.

python benchmarks/reward_directions.py RUN... [--steps 12] [--out FILE]

Reads the ``samples/`` of runs. A small step along the policy gradient changes the mean of a metric by the mean product of the advantage with
the metric within groups, so that this product says what a reward teaches first, whatever the runs were rewarded by.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sacrebleu
from numpy.typing import NDArray

from rlsr.config import load_config
from rlsr.config.method import AdvantageConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.methods import group_advantages
from rlsr.rewards import RewardBatch, open_reward
from rlsr.runs.json_file import read_json_lines

Floats = NDArray[np.float64]
Group = Sequence[Mapping[str, Any]]

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "reward-directions.json"
ENCODERS = ("minilm", "wordllama")
VARIANTS = ("cosine", "blend", "ensemble")


def read_groups(runs: Sequence[Path], steps: int) -> list[Group]:
    """Take the samples of the first steps of runs, of groups of one size."""
    found = [
        [row for _, row in read_json_lines(file)]
        for run in runs
        for file in sorted((run / "samples").glob("step-*.jsonl"))[:steps]
    ]
    return [group for group in found if len(group) == len(found[0])]


def rewards_of(rows: Group) -> dict[str, Floats]:
    """Score samples by each variant with each encoder, without the repetition rule."""
    records = [
        PromptRecord(str(place), (Message("user", row["prompt"]),), row["reference"], row["id"])
        for place, row in enumerate(rows)
    ]
    batch = RewardBatch(records, [row["response"] for row in rows])
    found = {}
    for encoder in ENCODERS:
        for variant in VARIANTS:
            settings = [
                f"embedding=builtin:{encoder}",
                f"reward.similarity.variant={variant}",
                "reward.repetition.enabled=false",
            ]
            reward = open_reward(load_config(overrides=settings), "cpu")
            found[f"{variant}, {encoder}"] = reward.score(batch).scores
            reward.close()
    return found


def metrics_of(rows: Group) -> dict[str, Floats]:
    """Measure samples by what no reward is."""
    words = [[max(len(row[name].split()), 1) for name in ("response", "reference")] for row in rows]
    return {
        "log length ratio": np.array([np.log(ours / theirs) for ours, theirs in words]),
        "chrF": np.array([sacrebleu.sentence_chrf(row["response"], [row["reference"]]).score for row in rows]),
        "BLEU": np.array([sacrebleu.sentence_bleu(row["response"], [row["reference"]]).score for row in rows]),
    }  # fmt: skip


def direction(advantages: Floats, metric: Floats, size: int) -> dict[str, float]:
    """Average the product of advantages with a metric's lead over its group, with the standard error over groups."""
    groups = metric.reshape(-1, size)
    leads = groups - groups.mean(axis=1, keepdims=True)
    products = (advantages.reshape(-1, size) * leads).mean(axis=1)
    return {
        "mean": float(products.mean()),
        "standard_error": float(products.std(ddof=1) / np.sqrt(len(products))),
    }


def main() -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    groups = read_groups(given.runs, given.steps)
    size, rows = len(groups[0]), [row for group in groups for row in group]
    rewards = rewards_of(rows)
    metrics = {**metrics_of(rows), **{name: rewards[f"cosine, {name}"] for name in ENCODERS}}
    found = {
        name: {
            metric: direction(
                group_advantages(scores, size, AdvantageConfig()).advantages, values, size
            )
            for metric, values in metrics.items()
        }
        for name, scores in rewards.items()
    }
    kept = {"groups": len(groups), "responses_a_group": size, "directions": found}
    given.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    lines = [["reward", *metrics], ["---"] * (1 + len(metrics))]
    for name, by_metric in found.items():
        cells = (f"{one['mean']:.3f} ± {one['standard_error']:.3f}" for one in by_metric.values())
        lines.append([name, *cells])
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
