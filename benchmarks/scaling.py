"""Steps predicted by rlsr.paper.pipeline against measured ones, and the tables of docs/scaling.md.

    python benchmarks/scaling.py check        # from benchmarks/results/scaling.json and benchmarks/step-time.md
    python benchmarks/scaling.py predict      # the paper's policies, and larger ones

``check`` fits each part of a step to the smallest and the largest run of one process, and predicts the others.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlsr.paper.cluster import PER_MACHINE, Encoder, copy_gpus, fewest_gpus, one_step
from rlsr.paper.estimate import SHAPES, PolicyShape
from rlsr.paper.pipeline import Stage

HERE = Path(__file__).parent
RESPONSES = 8192
"""Of the paper's step: 1,024 prompts by 8."""
LARGER = {
    "dense, 10^12 weights": PolicyShape(1.007e12, 128, 25_600, 2048, 152_064),
    "experts, 10^12 weights, 3.3 10^10 used": PolicyShape(1.04e12, 61, 7168, 288, 163_840, 32.6e9),
}
"""A dense one whose shape is made up; the sizes of Kimi K2, arXiv 2507.20534, whose cache of 576 numbers a token and layer counts as a key and a value of 288."""
ENCODERS = {
    "MiniLM": Encoder(22.7e6),
    "0.6B": Encoder(0.6e9),
    "8B": Encoder(8e9),
}


def fitted(few: tuple[int, float], many: tuple[int, float]) -> Stage:
    """Draw a line through two runs: what each response takes, and what a step takes whatever it holds."""
    each = (many[1] - few[1]) / (many[0] - few[0])
    return Stage(each, step_s=max(0.0, few[1] - few[0] * each))


def growth_rows() -> dict[int, dict[str, float]]:
    """Read seconds by part and number of responses from the table of ``step-time.md``."""
    names = ("step", "generate", "reward", "reference", "update")
    found = {}
    for line in (HERE / "step-time.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "responses to a prompt":
            numbers = map(float, cells[2:7])
            found[4 * int(cells[1])] = dict(zip(names, numbers, strict=True))
    return found


def check() -> Iterator[str]:
    """Write the table of predictions and measurements."""
    yield "| what | responses | processes | predicted, s | measured, s | off |"
    yield "|---|---|---|---|---|---|"
    rows = growth_rows()
    few, middle, many = sorted(rows)
    for name in rows[few]:
        stage = fitted((few, rows[few][name]), (many, rows[many][name]))
        title = "SmolLM2-135M, " + ("the step" if name == "step" else name)
        yield _row(title, middle, 1, stage.seconds(middle), rows[middle][name])
    kept = json.loads((HERE / "results/scaling.json").read_text(encoding="utf-8"))["runs"]
    for engine in ("trl", "verl"):
        runs = [run for run in kept.values() if run["engine"] == engine]
        alone = sorted((run["responses"], _step(run)) for run in runs if run["processes"] == 1)
        stage = fitted(alone[0], alone[-1])
        for run in runs:
            responses, processes = run["responses"], run["processes"]
            if processes == 1 and responses in (alone[0][0], alone[-1][0]):
                continue
            workers = Stage(stage.each_s, processes, step_s=stage.step_s)
            predicted = workers.worker_seconds(responses)
            title = f"tiny policy, {engine}, CPU of all processes"
            yield _row(title, responses, processes, predicted, _step(run))


def _step(run: Mapping[str, Any]) -> float:
    return statistics.median(run["cpu_seconds"])


def _row(what: str, responses: int, processes: int, predicted: float, measured: float) -> str:
    off = predicted / measured - 1
    return f"| {what} | {responses} | {processes} | {predicted:.2f} | {measured:.2f} | {off:+.0%} |"


def predict() -> Iterator[str]:
    """Write the tables of steps by GPUs, and of rewards."""
    policies = {name.partition("/")[2]: shape for name, shape in SHAPES.items()} | LARGER
    yield "| policy | GPUs | generate | reward, 0.6B | update | step | responses a second and GPU, of the first |"
    yield "|---|---|---|---|---|---|---|"
    for name, shape in policies.items():
        sizes = _sizes(shape)
        steps = [one_step(shape, ENCODERS["0.6B"], gpus, RESPONSES) for gpus in sizes]
        for gpus, one in zip(sizes, steps, strict=True):
            kept = sizes[0] * steps[0].step / (gpus * one.step)
            cells = (f"{value:.1f}" for value in (one.generate, one.reward, one.update, one.step))
            yield f"| {name} | {gpus:,} | {' | '.join(cells)} | {kept:.0%} |"
    yield ""
    yield "| policy | GPUs | " + " | ".join(f"{name} on the GPUs" for name in ENCODERS) + " | half of the GPUs write, a step behind |"  # fmt: skip
    yield "|---|---|" + "---|" * (len(ENCODERS) + 1)
    for name, shape in policies.items():
        gpus = _sizes(shape)[2]
        steps = [one_step(shape, encoder, gpus, RESPONSES) for encoder in ENCODERS.values()]
        apart = one_step(shape, ENCODERS["0.6B"], gpus, RESPONSES, writers=gpus // 2)
        shares = " | ".join(f"{one.reward / one.step:.2%}" for one in steps)
        yield f"| {name} | {gpus:,} | {shares} | {apart.step:.0f} s instead of {steps[1].step:.0f} |"


def _sizes(shape: PolicyShape) -> list[int]:
    unit = max(PER_MACHINE, copy_gpus(shape))
    first = -(-fewest_gpus(shape) // unit) * unit
    return [first * 4**power for power in range(4)]


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("what", choices=("check", "predict"))
    tables = {"check": check, "predict": predict}
    for line in tables[parser.parse_args().what]():
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
