"""The table of the README: what the demo has given, kept in ``results/demo.json``.

python benchmarks/demo.py RUN keeps the finished demo of that directory; without arguments the table is made anew from what is kept.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from claim_tables import put_between_markers
from step_tables import table_head, table_row

from rlsr.evaluation import MetricChange
from rlsr.evaluation.metrics import describe, labelled
from rlsr.pipeline.stages_summary import summarise_stages
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics import Estimate
from rlsr.statistics.in_words import mean_with_interval, number

HERE = Path(__file__).parent
KEPT = HERE / "results" / "demo.json"
README = HERE.parent / "README.md"


@dataclass(frozen=True)
class Stage:
    """A stage of the demo."""

    name: str
    """Of its directory."""
    num_steps: int
    """Optimiser steps."""
    best_step: int | None
    """The step whose weights were kept."""
    seconds: float
    """Of training steps and of validation."""
    median_step_seconds: float
    """Of a step without validation."""
    peak_memory_gb: float
    """In 10^9 bytes."""
    changes: list[MetricChange]
    """Held-out metrics before and after it."""


@dataclass(frozen=True)
class Demo:
    """A finished demo."""

    stages: list[Stage]
    """SFT and RLSR."""
    changes: list[MetricChange]
    """Held-out metrics before SFT and after RLSR."""


def main() -> None:
    """Keep what the demo has given, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, help="the directory of a finished demo")
    asked = parser.parse_args()
    if asked.run is not None:
        kept = keep(PipelineDirectory.open(asked.run))
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(to_table(kept), indent=1) + "\n", encoding="utf-8")
    found = from_table(Demo, json.loads(KEPT.read_text(encoding="utf-8")))
    text = README.read_text(encoding="utf-8")
    README.write_text(put_between_markers(text, "demo", table(found), README), encoding="utf-8")
    for stage in found.stages:
        sys.stdout.write(
            f"{stage.name}: {stage.num_steps} steps of {stage.median_step_seconds:.1f} s, weights of step {stage.best_step}, "
            f"{stage.seconds:.0f} s, {stage.peak_memory_gb:.2f} GB\n"
        )


def keep(pipeline: PipelineDirectory) -> Demo:
    """Read what the stages of a finished demo have written."""
    summary = summarise_stages(pipeline, skipped=(), seconds=0.0)
    stages = []
    for run, stage in zip(pipeline.stages, summary.stages, strict=True):
        manifest = run.read_manifest()
        steps = sorted(row["time/step"] for row in run.read_metrics() if row.get("time/step"))
        stages.append(
            Stage(
                stage.name,
                stage.num_steps,
                manifest["best_step"],
                manifest["training_seconds"],
                steps[len(steps) // 2],
                manifest["peak_memory_gb"],
                list(stage.changes),
            )
        )
    return Demo(stages, list(summary.changes))


def table(found: Demo) -> str:
    """Write the policies side by side as Markdown."""
    sft, rlsr = found.stages
    lines = [
        *table_head(
            "metric", "before", "SFT", "SFT, then RLSR", "what both added", "what RLSR added"
        )
    ]
    for before, change, both in zip(sft.changes, rlsr.changes, found.changes, strict=True):
        digits = describe(change.name).digits
        means = (before.before, before.after, change.after)
        lines += table_row(
            labelled(change.name, in_reward=change.in_reward),
            *(number(mean.mean, digits) for mean in means),
            *(_difference(one.difference, digits) for one in (both, change)),
        )
    return "\n".join(lines)


def _difference(difference: Estimate, digits: int) -> str:
    words = mean_with_interval(difference, digits, sign=True)
    return f"**{words.replace(' [', '** [', 1)}" if difference.excludes_zero else words


if __name__ == "__main__":
    main()
