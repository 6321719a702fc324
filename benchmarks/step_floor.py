"""How far measured steps are from what this machine could do at best.

    python benchmarks/step_floor.py --step-time DIR/step_time.json --setting lora-40-natural
    python benchmarks/step_floor.py --run runs/my-run

Measures products of the policy's own shapes and memory bandwidth (on the machine that took the steps, and while nothing
else runs), counts what a step cannot do without (floor_counts.py) and prints measured time over floor by phase.
"""

import argparse
import itertools
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from floor_counts import (
    PolicyShape,
    Stage,
    Workload,
    floor_seconds,
    generation,
    reference,
    shape_of,
    stage_seconds,
    update,
)
from step_tables import table_head, table_row

logger = logging.getLogger(__name__)

_BYTES = {"bfloat16": 2, "float32": 4}


@dataclass(frozen=True)
class Measured:
    """Steps whose time is to be explained."""

    name: str
    """Where they come from."""
    shape: PolicyShape
    """The policy."""
    work: Workload
    """What a step was about, on average."""
    lora_rank: int | None
    """Rank of the adapters; None trained all weights."""
    has_reference: bool
    """Whether the reference's log-probabilities were computed."""
    seconds: dict[str, float]
    """Mean seconds of a step by phase."""


@dataclass(frozen=True)
class PhaseFloor:
    """One phase beside its floor."""

    phase: str
    """Name of the phase."""
    measured: float
    """Seconds."""
    floor: float
    """Seconds; 0 where nothing was counted."""
    bound: str
    """What takes most of the floor: a stage, and whether its products or its memory traffic."""


def from_step_time(report: Mapping[str, Any], setting: str) -> list[Measured]:
    """Read the sides of a setting.

    Args:
        report: What ``step_time.json`` holds.
        setting: Its name.

    Returns:
        One entry a side.
    """
    table = report["settings"][setting]
    return [
        Measured(
            name=f"{setting}, {side}",
            shape=shape_of(report["model_config"]),
            work=Workload(
                num_prompts=report["prompts_per_step"],
                num_generations=report["num_generations"],
                prompt_tokens=summary["prompt_tokens"],
                response_tokens=summary["response_tokens"],
                longest_response=summary["longest_response"],
            ),
            lora_rank=16 if table["training"] == "lora" else None,
            has_reference=True,
            seconds=summary["phases"],
        )
        for side, summary in table["sides"].items()
    ]


def from_run(
    name: str,
    config: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]],
    longest: Sequence[int],
    shape: PolicyShape,
) -> Measured:
    """Average the steps of a run of rlsr, without its first one, which warms up.

    Args:
        name: What to call it.
        config: Its ``config.json``.
        metrics: Its ``metrics.jsonl``, at least two steps.
        longest: Longest response of each step among those in ``samples/``.
        shape: Its policy.

    Returns:
        The means. Where some responses were cut the longest one is the maximum; else it is the longest of the samples,
        which may miss a longer one and then lowers the floor.
    """
    num_prompts = config["training"]["prompts_per_step"]
    num_generations = config["method"]["num_generations"]
    pairs = list(itertools.pairwise(metrics))
    rows = num_prompts * num_generations
    totals = [(after["tokens/total"] - before["tokens/total"]) / rows for before, after in pairs]
    steps = metrics[1:]
    response_tokens = _mean([row["tokens/response"] for row in steps])
    maximum = config["method"]["max_response_tokens"]
    turns = [
        maximum if row["tokens/share_cut"] else found
        for row, found in zip(steps, longest[1:], strict=True)
    ]
    lora = config["model"]["lora"]
    phases = ("generate", "reward", "reference", "update")
    return Measured(
        name=name,
        shape=shape,
        work=Workload(
            num_prompts=num_prompts,
            num_generations=num_generations,
            # TRL counts the prompt once for each of its responses.
            prompt_tokens=_mean(totals) - response_tokens,
            response_tokens=response_tokens,
            longest_response=_mean(turns),
        ),
        lora_rank=None if lora is None else lora["rank"],
        has_reference=config["method"]["kl_coefficient"] > 0,
        seconds={phase: _mean([row[f"time/{phase}"] for row in steps]) for phase in phases},
    )


def phase_floors(
    measured: Measured, rates: Mapping[str, float], bandwidth: float
) -> list[PhaseFloor]:
    """Put measured time and floor of every phase side by side.

    Args:
        measured: The steps.
        rates: Operations a second by kind.
        bandwidth: Bytes a second.

    Returns:
        One entry a phase; the reward and what is outside of the phases have no floor.
    """
    stages: dict[str, tuple[Stage, ...]] = {
        "generate": generation(measured.shape, measured.work),
        "update": update(measured.shape, measured.work, measured.lora_rank),
    }
    if measured.has_reference:
        stages["reference"] = reference(measured.shape, measured.work)
    return [
        PhaseFloor(
            phase=phase,
            measured=seconds,
            floor=floor_seconds(stages.get(phase, ()), rates, bandwidth),
            bound=_bound(stages.get(phase, ()), rates, bandwidth),
        )
        for phase, seconds in measured.seconds.items()
    ]


def markdown(measured: Measured, floors: Sequence[PhaseFloor]) -> list[str]:
    """Write a table.

    Args:
        measured: The steps.
        floors: Their phases.

    Returns:
        Lines of Markdown.
    """
    work = measured.work
    lines = [
        f"## {measured.name}",
        "",
        f"{work.num_prompts} prompts of {work.prompt_tokens:.0f} tokens, {work.num_generations} responses to each of "
        f"{work.response_tokens:.1f} tokens, the longest {work.longest_response:.0f}.",
        "",
        *table_head("phase", "measured, s", "floor, s", "measured / floor", "floor is mostly"),
    ]
    for row in [*floors, _total(floors)]:
        ratio = f"{row.measured / row.floor:.1f}" if row.floor else ""
        floor = f"{row.floor:.3f}" if row.floor else ""
        lines += table_row(row.phase, f"{row.measured:.3f}", floor, ratio, row.bound)
    return [*lines, ""]


def _total(floors: Sequence[PhaseFloor]) -> PhaseFloor:
    known = [row for row in floors if row.floor]
    return PhaseFloor(
        "phases with a floor",
        sum(row.measured for row in known),
        sum(row.floor for row in known),
        "",
    )


def _bound(stages: Sequence[Stage], rates: Mapping[str, float], bandwidth: float) -> str:
    if not stages:
        return ""
    stage = max(stages, key=lambda stage: max(stage_seconds(stage, rates, bandwidth)))
    products, traffic = stage_seconds(stage, rates, bandwidth)
    return f"{stage.name}: {'products' if products > traffic else 'memory'}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _read_run(directory: Path) -> Measured:
    from rlsr.models import load_model_config
    from rlsr.runs import RunDirectory

    run = RunDirectory.open(directory)
    config = run.read_config()
    policy = load_model_config(config.model).get_text_config()
    dtype = config.model.dtype if config.model.dtype in _BYTES else "bfloat16"
    files = sorted(run.samples.iterdir())
    longest = [
        max(json.loads(line)["num_tokens"] for line in file.read_text("utf-8").split("\n") if line)
        for file in files
    ]
    return from_run(
        str(directory),
        config.model_dump(),
        run.read_metrics(),
        longest,
        shape_of(policy.to_dict(), _BYTES[dtype]),
    )


def _load_rates(
    file: Path | None, shape: PolicyShape, decode_rows: int, device: str
) -> dict[str, Any]:
    """Take the rates that were kept, or measure them."""
    key = {"shape": asdict(shape), "decode_rows": decode_rows, "device": device}
    if file is not None and file.is_file():
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if kept["of"] == key:
            return kept
    from floor_rates import measure_bandwidth, measure_rates

    measured = {
        "of": key,
        "rates": measure_rates(shape, decode_rows, device),
        "bandwidth": measure_bandwidth(device),
    }
    if file is not None:
        file.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return measured


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--step-time", type=Path, help="step_time.json of step_time.py")
    source.add_argument("--run", type=Path, help="run directory of rlsr, two steps or more")
    parser.add_argument("--setting", default="all", help="of --step-time; default: all of them")
    parser.add_argument("--rates", type=Path, help="JSON file to keep the machine's rates in")
    parser.add_argument("--out", type=Path, help="Markdown file to write, too")
    return parser


def main() -> None:
    """Measure the machine and print the tables."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    arguments = _parser().parse_args()
    if arguments.run is not None:
        everything = [_read_run(arguments.run)]
    else:
        report = json.loads(arguments.step_time.read_text(encoding="utf-8"))
        names = [arguments.setting] if arguments.setting != "all" else list(report["settings"])
        everything = [entry for name in names for entry in from_step_time(report, name)]
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    first = everything[0]
    machine = _load_rates(arguments.rates, first.shape, first.work.num_responses, device)
    lines = [
        "# Measured time over floor",
        "",
        f"Device {device}, {torch.get_num_threads()} CPU threads, reading {machine['bandwidth'] / 1e9:.1f} GB/s; billions of "
        "operations a second: "
        + ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in machine["rates"].items())
        + ".",
        "",
    ]
    for entry in everything:
        lines += markdown(entry, phase_floors(entry, machine["rates"], machine["bandwidth"]))
    logger.info("%s", "\n".join(lines))
    if arguments.out is not None:
        arguments.out.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
