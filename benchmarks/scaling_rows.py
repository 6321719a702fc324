"""What a training set of a million rows takes: seconds and memory by phase, up to the end of the first step.

    python benchmarks/scaling_rows.py --rows 1000 1000000 --formats jsonl parquet --out FILE
    python benchmarks/scaling_rows.py --table FILE            # the table of docs/scaling.md

Rows are made up: prompts of some 90 characters and references of some 300, words of the README in any order. Everything that reads rows
takes part: the checks, the split, overlap with a suite of 200 prompts, validation, the evaluation before training and the cache of
references. The policy has 40,000 random weights, so that rows are what costs. Each measurement is a process of its own; the highest
resident memory of a phase is what Linux notes of it. Keeps ``FILE``; each number of rows and format has a list of measurements.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlsr.runs import collect_provenance

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from tiny import save_tiny_model

PROMPT_WORDS, REFERENCE_WORDS = 13, 45
SUITE = 200
PHASES = ("plan", "load", "evaluate", "train")


def rows(count: int) -> Iterator[dict[str, str]]:
    """Make rows up; the same number gives the same rows."""
    words = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8").split()
    rng = random.Random(0)
    for number in range(count):
        prompt = " ".join(rng.choices(words, k=PROMPT_WORDS))
        yield {"prompt": f"{number} {prompt}", "response": " ".join(rng.choices(words, k=REFERENCE_WORDS))}  # fmt: skip


def write_jsonl(file: Path, count: int) -> None:
    """Write rows as JSONL."""
    with file.open("w", encoding="utf-8") as lines:
        for row in rows(count):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_parquet(file: Path, count: int) -> None:
    """Write rows as Parquet, in row groups of 100,000."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([("prompt", pyarrow.string()), ("response", pyarrow.string())])
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        part: list[dict[str, str]] = []
        for row in rows(count):
            part.append(row)
            if len(part) == 100_000:
                writer.write_table(pyarrow.Table.from_pylist(part, schema))
                part = []
        if part:
            writer.write_table(pyarrow.Table.from_pylist(part, schema))


WRITERS = {"jsonl": write_jsonl, "parquet": write_parquet}


class Phases:
    """Watches a run: how long each phase takes, and the most memory that it has."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._name = ""
        self._begin("plan")

    def _begin(self, name: str) -> None:
        self._name, self._started = name, time.process_time()
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")

    def end(self) -> None:
        """Note the phase that is over."""
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        kilobytes = {line.split()[0]: line.split()[1] for line in lines if line.startswith(("VmHWM", "VmRSS"))}  # fmt: skip
        self.found[self._name] = {
            "seconds": round(time.process_time() - self._started, 2),
            "peak_mb": round(int(kilobytes["VmHWM:"]) / 1024, 1),
            "left_mb": round(int(kilobytes["VmRSS:"]) / 1024, 1),
        }

    def on_stage(self, name: str) -> None:
        """Begin another phase."""
        self.end()
        first = name.split(maxsplit=1)[0]
        self._begin({"loading": "load", "evaluating": "evaluate", "training": "train"}[first])

    def on_progress(self, done: int, total: int) -> None:
        """Ignore the progress."""

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Say what was found, and leave."""
        self.end()
        sys.stdout.write(json.dumps(self.found) + "\n")
        sys.stdout.flush()
        os._exit(0)

    def on_finding(self, level: str, words: str) -> None:
        """Ignore the finding."""


def measure(place: Path, data: Path) -> None:
    """Plan and train as ``rlsr train`` does, in this process, to the end of the first step."""
    from rlsr.config import load_config
    from rlsr.pipeline import plan_run, train_run

    settings = [
        "stages=null", f"model.name={place / 'model'}", "model.dtype=float32", "model.lora=null", f"data.path={data}",
        f"data.remove_overlap=[{place / 'suite.jsonl'}]", "embedding=builtin:wordllama", "evaluation.independent_embedding=null",
        "evaluation.num_resamples=200", "validation.num_prompts=16", "method.num_generations=4", "method.max_response_tokens=8",
        "training.prompts_per_step=8", "training.steps=2", "training.save_every=2",
    ]  # fmt: skip
    phases = Phases()
    with tempfile.TemporaryDirectory() as out:
        plan = plan_run(load_config(overrides=settings))
        train_run(plan, Path(out) / "run", observer=phases)


def main() -> None:
    """Measure, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 1_000_000])
    parser.add_argument("--formats", nargs="+", choices=WRITERS, default=list(WRITERS))
    parser.add_argument("--place", type=Path, help="where the rows are made; a new directory, removed at the end, without it")  # fmt: skip
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--child", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        measure(*arguments.child)
    elif arguments.table:
        sys.stdout.write("\n".join(table(json.loads(arguments.table.read_text(encoding="utf-8")))) + "\n")  # fmt: skip
    else:
        with tempfile.TemporaryDirectory() as made:
            collect(arguments.place or Path(made), arguments.rows, arguments.formats, arguments.out)


def collect(place: Path, numbers: list[int], formats: list[str], out: Path) -> None:
    """Measure each number of rows in each format once more."""
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "model").is_dir():
        save_tiny_model(place / "model")
        suite = [{"prompt": row["prompt"]} for row in rows(SUITE)]
        text = "".join(json.dumps(row) + "\n" for row in suite)
        (place / "suite.jsonl").write_text(text, encoding="utf-8")
    found = json.loads(out.read_text(encoding="utf-8"))["runs"] if out.is_file() else {}
    for count in numbers:
        for name in formats:
            data = place / f"rows-{count}.{name}"
            if not data.is_file():
                WRITERS[name](data, count)
            command = [sys.executable, __file__, "--child", str(place), str(data)]
            environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # fmt: skip
            phases = json.loads(done.stdout.splitlines()[-1])
            found.setdefault(f"{count} {name}", []).append({"bytes": data.stat().st_size, "phases": phases})  # fmt: skip
            sys.stdout.write(f"{count} {name}: {phases}\n")
            facts = collect_provenance({"runs": found})
            del facts["command"]  # names places of this machine
            out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def table(facts: dict[str, Any]) -> Iterator[str]:
    """Write a row for each number of rows and format: medians, and what a row takes beyond a run of the fewest rows."""
    yield "| rows | format | " + " | ".join(f"{phase}, s" for phase in PHASES) + " | peak, GB | bytes a row | n |"  # fmt: skip
    yield "|---" * (len(PHASES) + 5) + "|"
    peaks = {
        (int(name.split()[0]), name.split()[1]): [
            max(phase["peak_mb"] for phase in run["phases"].values()) for run in runs
        ]
        for name, runs in facts["runs"].items()
    }
    for (count, form), measured in sorted(peaks.items()):
        runs = facts["runs"][f"{count} {form}"]
        fewest = min(number for number, other in peaks if other == form)
        seconds = [statistics.median(run["phases"][phase]["seconds"] for run in runs) for phase in PHASES]  # fmt: skip
        beyond = statistics.median(measured) - statistics.median(peaks[fewest, form])
        each = f"{beyond * 2**20 / (count - fewest):,.0f}" if count > fewest else ""
        cells = [f"{count:,}", form, *(f"{one:.1f}" for one in seconds), f"{statistics.median(measured) / 1024:.2f}", each, str(len(runs))]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
