"""What the parts of gpu_acceptance.py have left, put together, and as Markdown.

python benchmarks/gpu_tables.py      writes the tables of docs/scale.md anew from results/gpu-h200.json
"""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from chip_peak import bfloat16_peak
from claim_tables import put_between_markers
from floor_counts import Workload, shape_of, update
from step_record import Result, read_result
from step_statistics import summarise
from step_tables import table_head, table_row

from rlsr.runs import collect_provenance

Table = Mapping[str, Any]

KEPT = Path(__file__).parent / "results" / "gpu-h200.json"
PAGE = Path(__file__).parents[1] / "docs" / "scale.md"

LORA_RANK = 16
UPDATE_AIM = 0.4
"""Share of the chip's peak that an update should reach."""
STEP_AIM = 0.6
"""Share of the time of TRL with vLLM that a step should take."""


def machine_facts() -> dict[str, Any]:
    """Describe machine, code and packages.

    Returns:
        What a run keeps of them, and the version of vLLM.
    """
    return {**collect_provenance(), "vllm": _version("vllm")}


def collect(scratch: Path, machine: Table, parts: Sequence[Table]) -> dict[str, Any]:
    """Read what was measured so far.

    Args:
        scratch: Where the parts leave their results.
        machine: What ``machine_facts`` returned.
        parts: How each ended.

    Returns:
        A JSON-ready table; what is not there yet is left out.
    """
    device = _json(scratch / "device.json")
    peak = bfloat16_peak(device["name"]) if device else None
    return {
        "machine": machine,
        "device": device,
        "peak": peak,
        "parts": list(parts),
        "tests": _tests(scratch / "tests.xml"),
        "updates": [_json(file) for file in sorted(scratch.glob("update-*.json"))],
        "steps": [
            _steps(directory, peak)
            for directory in sorted(scratch.glob("step-*"))
            if directory.is_dir()
        ],
    }


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _tests(file: Path) -> dict[str, int] | None:
    if not file.is_file():
        return None
    suites = list(ElementTree.parse(file).getroot().iter("testsuite"))
    names = ("tests", "failures", "errors", "skipped")
    return {name: sum(int(suite.get(name, 0)) for suite in suites) for name in names}


def _steps(directory: Path, peak: float | None) -> dict[str, Any]:
    """Summarise the processes of a step benchmark that have finished; it may have been cut short."""
    inputs = _json(directory / "inputs" / "model.json")
    files = sorted(directory.glob("*/*-0.json"))
    sides = {}
    for file in files:
        result = read_result(file)
        sides[result.request.side] = _side(result, inputs["config"], peak)
    return {"policy": directory.name.removeprefix("step-"), "sides": sides}


def _side(result: Result, config: Table, peak: float | None) -> dict[str, Any]:
    summary = summarise([result])
    request = result.request
    work = Workload(
        num_prompts=request.prompts_per_step,
        num_generations=request.num_generations,
        prompt_tokens=summary.prompt_tokens,
        response_tokens=summary.response_tokens,
        longest_response=summary.longest_response,
    )
    rank = LORA_RANK if request.training == "lora" else None
    gradient, _ = update(shape_of(config), work, rank)
    rate = sum(gradient.operations.values()) / summary.phases["update"]
    return {
        "seconds": summary.seconds,
        "phases": summary.phases,
        "num_steps": summary.num_steps,
        "seconds_of_steps": [step.seconds for step in result.measured],
        "prompts": request.prompts_per_step,
        "generations": request.num_generations,
        "prompt_tokens": summary.prompt_tokens,
        "response_tokens": summary.response_tokens,
        "training": request.training,
        "update_operations_per_second": rate,
        "update_share_of_peak": None if peak is None else rate / peak,
        "peak_gb": summary.peak_gb,
        "peak_gpu_gb": summary.peak_gpu_gb,
        "device": result.device,
        "setup": result.setup,
    }


def markdown(report: Table) -> str:
    """Write the tables.

    Args:
        report: What ``collect`` returned.

    Returns:
        Markdown.
    """
    lines = ["# rlsr on a GPU", "", *_about(report), "", *_parts(report)]
    if report["updates"]:
        lines += ["", "## Gradient of an update, all weights", "", *_update_table(report)]
    if report["steps"]:
        lines += ["", "## Steps", "", *_step_table(report)]
    lines += ["", *_failures(report["parts"])]
    return "\n".join(lines).rstrip() + "\n"


def _about(report: Table) -> list[str]:
    machine, device = report["machine"], report["device"]
    names = ("torch", "transformers", "trl", "peft")
    versions = [f"{name} {machine['packages'].get(name) or 'not installed'}" for name in names]
    versions.append(f"vllm {machine['vllm'] or 'not installed'}")
    lines = [
        f"Measured {machine['time']} by `benchmarks/gpu_acceptance.sh`; commit {machine['commit'] or 'unknown'}; "
        f"Python {machine['python']}, {', '.join(versions)}; {machine['processor']}, {machine['cores']} cores.",
    ]
    if device:
        memory = f", {device['memory_gb']:.0f} GB" if device["memory_gb"] else ""
        peak = report["peak"]
        stated = "is not in the table" if peak is None else f"is {peak / 1e12:.0f} TFLOP/s"
        lines += [
            "",
            f"Device: {device['name']}{memory}. Its peak in bfloat16 {stated}; large products run at "
            f"{device['products'] / 1e12:.3g} TFLOP/s. Operations are those that an update cannot do without "
            "(benchmarks/floor_counts.py): 6 for each weight and token and attention's, 4 where adapters are trained, a "
            "prompt counted once for its group.",
        ]
    return lines


def _parts(report: Table) -> list[str]:
    lines = table_head("part", "ended", "seconds")
    for part in report["parts"]:
        lines += table_row(part["name"], part["status"], f"{part['seconds']:.0f}")
    tests = report["tests"]
    if tests:
        lines += ["", "Tests: " + ", ".join(f"{name} {count}" for name, count in tests.items())]
    return lines


def _update_table(report: Table) -> list[str]:
    lines = table_head("policy", "way", "prompts x responses", "tokens", "seconds", "TFLOP/s", "share of peak", "peak GPU GB", "norm of the gradient")  # fmt: skip
    for table in report["updates"]:
        for way, found in table["ways"].items():
            if "error" in found:
                lines += table_row(table["policy"], way, found["error"], *[""] * 6)
                continue
            lines += table_row(
                table["policy"],
                way,
                f"{found['prompts']} x {table['generations']}",
                str(found["tokens"]),
                f"{min(found['seconds']):.3f}",
                f"{found['operations_per_second'] / 1e12:.3g}",
                _share(found["share_of_peak"]),
                _number(found["peak_gpu_gb"]),
                f"{found['gradient_norm']:.4g}",
            )
    return [*lines, "", f"Aim: {UPDATE_AIM:.0%} of the peak."]


def _step_table(report: Table) -> list[str]:
    lines = table_head("policy", "side", "n", "seconds a step", "generate", "update", "update, share of peak", "peak GPU GB", "of TRL's time", "of TRL's with vLLM")  # fmt: skip
    for table in report["steps"]:
        for side, found in table["sides"].items():
            lines += table_row(
                table["policy"],
                side,
                str(found["num_steps"]),
                f"{found['seconds']:.2f}",
                f"{found['phases']['generate']:.2f}",
                f"{found['phases']['update']:.2f}",
                _share(found["update_share_of_peak"]),
                _number(found["peak_gpu_gb"]),
                *[_ratio(found, table["sides"].get(other)) for other in ("trl", "trl-vllm")],
            )
    return [*lines, "", f"Aim: at most {STEP_AIM} of the time of TRL with vLLM, in groups of 8."]


def _failures(parts: Sequence[Table]) -> list[str]:
    return [
        line
        for part in parts
        if part["log"]
        for line in (f"## {part['name']}: {part['status']}", "", "```", part["log"], "```", "")
    ]


def main() -> None:
    """Write the kept tables into the page about scale."""
    report = json.loads(KEPT.read_text(encoding="utf-8"))
    tables = "\n".join([*_about(report), "", *_parts(report), "", *_update_table(report)])
    text = put_between_markers(PAGE.read_text(encoding="utf-8"), "gpu-h200", tables, PAGE)
    PAGE.write_text(text, encoding="utf-8")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _ratio(found: Table, other: Table | None) -> str:
    return "" if other is None or found is other else f"{found['seconds'] / other['seconds']:.2f}"


if __name__ == "__main__":
    main()
