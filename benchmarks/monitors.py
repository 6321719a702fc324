"""Do the monitors cry where training fails, and only there? Runs of a tiny policy that are made to fail, and sound ones.

python benchmarks/monitors.py --out DIR [--keep benchmarks/results/monitors.json] [--read NAME=DIR ...]

The policy has 30,000 weights (tests/tiny.py) and is first taught by SFT to answer. Runs that DIR has are not run again. `--read` adds runs of other policies, whose
kept numbers the monitors are asked about afterwards.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parent
sys.path += [str(BENCHMARKS), str(BENCHMARKS.parent / "tests")]

from monitor_table import table  # noqa: E402 - found by the line above

from rlsr.config import load_config  # noqa: E402
from rlsr.monitors.watch import Episode, episodes, level_columns, look, watched  # noqa: E402
from rlsr.pipeline import plan_run, train_run  # noqa: E402
from rlsr.runs import RunDirectory  # noqa: E402
from tiny import WORDS, save_tiny_model  # noqa: E402 - found by the line above

NUM_STEPS = 40
SEEDS = (0, 1, 2)
RATE = 5e-4
"""A learning rate at which the reward of the tiny policy rises over some forty steps."""


@dataclass(frozen=True)
class Case:
    """A way to fail, or not to."""

    title: str
    settings: tuple[str, ...]
    expected: tuple[str, ...]
    """Monitors that must raise an alarm; none where nothing may."""
    within: int = NUM_STEPS
    """Steps by which all of them have."""


def _python(name: str) -> str:
    return f"reward={{type: python, function: 'failing_rewards:{name}'}}"


CASES: Mapping[str, Case] = {
    "sound": Case("nothing is wrong", (), ()),
    "fooled_encoder": Case(
        "an encoder that one word fools",
        (_python("FooledEncoder"), "training.learning_rate=0.003"),
        ("same_answer", "hacking"),
    ),
    "rate": Case(
        "a learning rate 100 times too high", (f"training.learning_rate={100 * RATE}",), ("kl", "cut", "same_answer"), 10
    ),
    "length": Case(
        "a reward that grows with length",
        (_python("by_length"), "training.learning_rate=0.003"),
        ("length", "length_drift", "cut"),
        30,
    ),
    "constant": Case("a reward that is the same for all", (_python("constant"),), ("no_signal",), 5),
    "unscored": Case("a reward that leaves most unscored", (_python("choosy"),), ("unscored",), 5),
}  # fmt: skip


def write_data(path: Path) -> Path:
    """Write prompts whose answers a tiny policy can learn.

    Args:
        path: Of the file.
    """
    things = WORDS[10:]
    rows = [
        {
            "prompt": f"Write about the {one} and the {other}",
            "response": f"the {one} sat on a mat and the {other} ran to the house",
        }
        for one in things
        for other in things
        if one != other
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def common_settings(model: Path, data: Path) -> list[str]:
    """List what all runs have.

    Args:
        model: What training starts from.
        data: Prompts and references.
    """
    return [
        "stages=null", f"model.name={model}", "model.dtype=float32", "model.lora=null", f"data.path={data}",
        "data.same_prompt=keep", "evaluation.enabled=false", "training.warmup_steps=0", "training.save_every=1000",
        "training.tokens_per_pass=4000",
    ]  # fmt: skip


def teach(model: Path, data: Path, out: Path) -> Path:
    """Teach the tiny policy to answer, by SFT.

    Args:
        model: Random weights.
        data: Prompts and references.
        out: The run directory.

    Returns:
        The taught policy.
    """
    config = load_config(
        overrides=[
            *common_settings(model, data), "method=sft", "method.max_response_tokens=40", "training.steps=100",
            "training.prompts_per_step=16", "training.learning_rate=0.01", "evaluation.independent_embedding=null",
        ]
    )  # fmt: skip
    train_run(plan_run(config), out)
    return out / "final"


def run_case(case: Case, model: Path, data: Path, out: Path, *, seed: int) -> list[Episode]:
    """Train, and say what the monitors said.

    Args:
        case: What is wrong.
        model: The taught policy.
        data: Prompts and references.
        out: The run directory.
        seed: Of the run.

    Returns:
        What was not well.
    """
    config = load_config(
        overrides=[
            *common_settings(model, data), "method=rlsr", "method.num_generations=4", "method.max_response_tokens=60",
            "method.kl_coefficient=0.001", "training.prompts_per_step=8", f"training.steps={NUM_STEPS}",
            f"training.learning_rate={RATE}", "validation={num_prompts: 16, every_steps: 10}",
            "evaluation.independent_embedding=builtin:minilm", f"seed={seed}", *case.settings,
        ]
    )  # fmt: skip
    return list(train_run(plan_run(config), out).signs)


def asked_afterwards(rows: list[dict[str, Any]]) -> list[Episode]:
    """Ask the monitors about the kept numbers of a run as if they had watched it.

    Args:
        rows: Of its ``metrics.jsonl``.
    """
    config = load_config()
    monitors = watched(config)
    seen = [
        {**row, **level_columns(look(rows[: place + 1], monitors))}
        for place, row in enumerate(rows)
    ]
    return episodes(seen, config)


def first_alarms(said: list[Episode]) -> dict[str, int]:
    """Take the first alarm of each monitor.

    Args:
        said: What the monitors said.

    Returns:
        The step by name.
    """
    return {episode.name: episode.first_step for episode in said if episode.level == "alarm"}


def facts(title: str, said: list[Episode], num_steps: int) -> dict[str, Any]:
    """Write down what is kept of a run.

    Args:
        title: What it is.
        said: What the monitors said.
        num_steps: Steps of the run.
    """
    warned = {episode.name: episode.first_step for episode in said if episode.level == "warn"}
    return {"run": title, "num_steps": num_steps, "alarms": first_alarms(said), "warnings": warned}


def main() -> None:
    """Run all cases and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--keep", type=Path)
    arguments.add_argument("--read", nargs="*", default=[])
    arguments.add_argument("--cases", nargs="*", default=list(CASES))
    asked = arguments.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    data = write_data(asked.out / "data.jsonl")
    model = asked.out / "taught" / "final"
    if not model.exists():
        teach(save_tiny_model(asked.out / "model"), data, asked.out / "taught")
    kept = []
    for name in asked.cases:
        case = CASES[name]
        for seed in SEEDS if not case.expected else SEEDS[:1]:
            run = RunDirectory(asked.out / f"{name}-{seed}")
            if not run.is_complete:
                run_case(case, model, data, run.path, seed=seed)
            said = episodes(run.read_metrics(), run.read_config())
            title = f"{case.title}, seed {seed}" if not case.expected else case.title
            kept.append(facts(title, said, NUM_STEPS))
            print(name, seed, kept[-1], flush=True)  # noqa: T201 - a script
    for named in asked.read:
        title, _, path = named.partition("=")
        rows = RunDirectory(Path(path)).read_metrics()
        kept.append(facts(title, asked_afterwards(rows), int(rows[-1]["step"])))
    if asked.keep:
        asked.keep.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(table(kept))  # noqa: T201


if __name__ == "__main__":
    main()
