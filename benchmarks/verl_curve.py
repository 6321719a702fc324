"""The mean reward by step of the engines trl and verl on the same tiny task, on a CPU.

    python benchmarks/verl_curve.py --verl-python verl-env/bin/python --steps 30 --out DIR

A policy of 40,000 random weights is rewarded for the share of vowels in what it writes. Prompts, their order, rewards, advantages,
loss and schedule are the same; the random numbers of the rollouts are not. DIR keeps both runs, and ``verl_curve.json``.
"""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from rlsr.config import RunConfig, load_config
from rlsr.pipeline import plan_run, train_run
from rlsr.runs import RunDirectory, collect_provenance

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from tiny import save_tiny_model, write_tiny_data

logger = logging.getLogger(__name__)

REWARD = '''"""The share of vowels in a response."""


def vowels(completions, **_):
    texts = [completion[-1]["content"] for completion in completions]
    return [sum(letter in "aeiou" for letter in text) / max(len(text), 1) for text in texts]
'''


def settings(place: Path, steps: int, more: list[str]) -> RunConfig:
    """Write the config of one side."""
    return load_config(
        overrides=[
            "stages=null",
            f"model.name={place / 'model'}",
            "model.dtype=float32",
            "model.lora=null",
            f"data.path={place / 'data.jsonl'}",
            "reward={type: python, function: 'vowel_reward:vowels'}",
            "evaluation.enabled=false",
            "method=rlsr",
            "method.num_generations=8",
            "method.max_response_tokens=16",
            "training.prompts_per_step=8",
            "training.learning_rate=0.005",
            f"training.steps={steps}",
            "training.save_every=1000",
            *more,
        ]
    )


def curve(config: RunConfig, out: Path) -> list[dict[str, float]]:
    """Train, or go on with what was begun, and list reward and seconds by step."""
    plan = plan_run(config)
    run = RunDirectory(out)
    if not run.is_complete:
        train_run(plan, out, resume=(out / "config.json").is_file())
    return [
        {
            name: round(row[name], 5)
            for name in ("reward/mean", "optim/kl", "time/step")
            if row.get(name) is not None
        }
        for row in run.read_metrics()
    ]


def main() -> None:
    """Train both, and write the curves."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--verl-python", required=True, help="of verl's environment")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True, help="directory of the runs")
    arguments = parser.parse_args()
    place = arguments.out.resolve()
    place.mkdir(parents=True, exist_ok=True)
    (place / "vowel_reward.py").write_text(REWARD, encoding="utf-8")
    if not (place / "model").is_dir():
        save_tiny_model(place / "model")
        write_tiny_data(place / "data.jsonl")
    python = str(Path(arguments.verl_python).absolute())
    # Rewards of the working directory are found, here and by verl.
    os.chdir(place)
    sides = {"trl": [], "verl": ["engine=verl", f"engine.python={python}"]}
    curves = {
        side: curve(settings(place, arguments.steps, more), place / f"run-{side}")
        for side, more in sides.items()
    }
    facts = collect_provenance({"steps": arguments.steps, "curves": curves})
    # It names places of this machine.
    del facts["command"]
    (place / "verl_curve.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for side, rows in curves.items():
        means = [row["reward/mean"] for row in rows]
        logger.info("%s: %s", side, " ".join(f"{mean:.3f}" for mean in means))


if __name__ == "__main__":
    main()
