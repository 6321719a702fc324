"""What to do after an SFT: runs that began with the same policy and had the same time, against one of them.

python benchmarks/after_sft.py CONTROL RUN... [--name after-sft] keeps ``results/NAME.json`` and writes its table between the markers
NAME of docs/log.md; without runs the table is made anew from what is kept. A run is named by its directory; ``WORDS=DIRECTORY`` says in
words what sets it apart, where that is not in its config, as for an evaluation of weights that no run has written.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from claim_tables import put_between_markers
from step_tables import table_head, table_row

from rlsr.config.method import RlsrMethod
from rlsr.evaluation.metrics import describe
from rlsr.runs import RunDirectory
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics import Estimate, paired_difference
from rlsr.statistics.in_words import mean_with_interval, number

HERE = Path(__file__).parent
RESULTS = HERE / "results"
LOG = HERE.parent / "docs" / "log.md"

PAIRED = ("independent_similarity", "chrf", "bleu")
"""Metrics that the reward has not seen."""
MEANS = ("length_ratio", "cut")


@dataclass(frozen=True)
class Row:
    """A run."""

    name: str
    """Of its directory."""
    settings: str
    """What sets it apart, in words."""
    num_steps: int
    """Optimiser steps; 0 where no run has written the weights."""
    seconds: float
    """Of training steps."""
    num_prompts: int
    """Held-out prompts."""
    means: dict[str, float]
    """By metric."""
    differences: dict[str, Estimate]
    """From the control, prompt by prompt; empty for the control."""


def main() -> None:
    """Keep what runs have given, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", help="the control first")
    parser.add_argument("--name", default="after-sft", help="of the table")
    asked = parser.parse_args()
    kept = RESULTS / f"{asked.name}.json"
    if asked.runs:
        named = [one.rpartition("=") for one in asked.runs]
        runs = [RunDirectory.open(Path(path)) for *_, path in named]
        rows = [row_of(run, runs[0], paired=PAIRED, means=(*PAIRED, *MEANS)) for run in runs]
        rows = [
            replace(row, settings=words or row.settings)
            for row, (words, *_) in zip(rows, named, strict=True)
        ]
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(to_table(rows), indent=1) + "\n", encoding="utf-8")
    rows = from_table(list[Row], json.loads(kept.read_text(encoding="utf-8")))
    text = put_between_markers(LOG.read_text(encoding="utf-8"), asked.name, table(rows), LOG)
    LOG.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(rows)} runs: {kept}, {LOG}\n")


def row_of(
    run: RunDirectory, control: RunDirectory, *, paired: Sequence[str], means: Sequence[str]
) -> Row:
    """Read what a run came to, beside the run that it began with.

    Args:
        run: Measured on held-out prompts after training.
        control: The same, on the same prompts.
        paired: Metrics whose differences are kept.
        means: Metrics whose means are.
    """
    manifest, answers = run.read_manifest(), run.read_evaluation("after")
    against = control.read_evaluation("after")
    assert answers, f"{run.path} was measured"
    assert against, f"{control.path} was measured"
    differences = {}
    for name in paired if run.path != control.path else ():
        ours, theirs = (np.array([row.scores[name] for row in rows]) for rows in (answers, against))
        differences[name] = paired_difference(theirs, ours, confidence=0.95, num_resamples=10_000)
    return Row(
        name=run.path.name,
        settings=_settings(run.read_config()),
        num_steps=manifest["num_steps"],
        seconds=manifest["training_seconds"],
        num_prompts=len(answers),
        means={name: float(np.nanmean([row.scores[name] for row in answers])) for name in means},
        differences=differences,
    )


def _settings(config: Any) -> str:
    method, training = config.method, config.training
    words = [f"{method.type}, {method.batch_in_words(training.prompts_per_step)}"]
    words.append(f"rate {config.learning_rate:g}")
    words += _other_reward(config.reward) if method.learns_from == "rollouts" else []
    if isinstance(method, RlsrMethod):
        words.append(f"KL {method.kl_coefficient:g}")
        words += [] if method.temperature == 1 else [f"temperature {method.temperature:g}"]
        words += ["cut ones lowest"] if method.advantage.cut == "lowest" else []
    return ", ".join(words)


def _other_reward(reward: Any) -> list[str]:
    """Say what rewards beside closeness: the pull of lengths, another reward, the members of a combined one."""
    if reward.type == "similarity":
        exponent = reward.similarity.length_exponent
        return [f"lengths pull by {exponent:g}"] if exponent else []
    if reward.type != "combined":
        return [f"reward {reward.type}"]
    members = [member.reward for member in reward.members.values()]
    names = [getattr(member, "function", member.type).rpartition(":")[2] for member in members]
    return [f"reward {reward.how} of {' and '.join(names)}"]


def table(rows: list[Row]) -> str:
    """Write what is kept as Markdown."""
    head = [*(describe(name).short_label for name in PAIRED), "length", "cut"]
    lines = [*table_head("", "steps", *head)]
    for row in rows:
        lines += table_row(row.settings, *numbers(row, paired=PAIRED, means=MEANS))
    return "\n".join(lines)


def numbers(row: Row, *, paired: Sequence[str], means: Sequence[str]) -> list[str]:
    """Write the steps of a run, its differences from the control, and its means; of the control the means alone."""
    cells = [
        mean_with_interval(row.differences[name], describe(name).digits, sign=True)
        if row.differences
        else number(row.means[name], describe(name).digits)
        for name in paired
    ]
    return [
        str(row.num_steps or ""),
        *cells,
        *(number(row.means[name], describe(name).digits) for name in means),
    ]


if __name__ == "__main__":
    main()
