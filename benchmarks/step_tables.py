"""The step benchmark as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from step_record import PHASES
from step_statistics import Ratio

Table = Mapping[str, Any]


def markdown(report: Table) -> str:
    """Write the whole page.

    Args:
        report: What ``step_time.json`` holds.

    Returns:
        Markdown.
    """
    settings = report["settings"]
    lines = ["# Time of a step", "", *_about(report), "", *_overview(settings)]
    for name, setting in settings.items():
        lines += ["", f"## {name}", "", *_description(setting), "", *_sides(setting["sides"])]
    return "\n".join(lines) + "\n"


def _about(report: Table) -> list[str]:
    machine = report["machine"]
    packages = ", ".join(
        f"{name} {version}"
        for name, version in machine["packages"].items()
        if name in {"torch", "transformers", "trl", "peft", "vllm"} and version
    )
    code = " and ".join(report["code"])
    legend = " (+: with uncommitted changes)" if "+" in code else ""
    checkpointing = "on" if report["gradient_checkpointing"] else "off, as rlsr's is"
    return [
        f"Measured {machine['time']} by `benchmarks/step_time.py` on {machine['processor']}, {machine['cores']} cores, "
        f"device {report['device']}; commit {code}{legend}; Python {machine['python']}, {packages}; "
        f"policy {report['model']}. A step is {report['prompts_per_step']} prompts with {report['num_generations']} responses "
        f"each. Rounds: {report['rounds']}, each process {report['steps']} measured steps after one that is not counted; both "
        f"sides take the same prompts in the same order. `trl` is GRPOTrainer with gradient checkpointing {checkpointing}. "
        "Intervals: 95 %, bootstrap over pairs of steps.",
    ]


def _overview(settings: Mapping[str, Table]) -> list[str]:
    lines = table_head(
        "setting", "against", "n", "s a step", "s a step, rlsr", "rlsr / other, a step",
        "rlsr / other, 1,000 tokens",
    )  # fmt: skip
    for name, setting in settings.items():
        sides = setting["sides"]
        for other, ratios in setting["ratios"].items():
            lines += table_row(
                name, other, str(sides["rlsr"]["num_steps"]), f"{sides[other]['seconds']:.2f}",
                f"{sides['rlsr']['seconds']:.2f}", str(Ratio(**ratios["step"])),
                str(Ratio(**ratios["1000_tokens"])),
            )  # fmt: skip
    return lines


def _description(setting: Table) -> list[str]:
    weights = "adapters of rank 16" if setting["training"] == "lora" else "all weights"
    maximum = setting["max_response_tokens"]
    responses = (
        f"responses end by themselves, the maximum is {maximum} tokens"
        if setting["ending"] == "natural"
        else f"no response ends before the maximum of {maximum} tokens"
    )
    prompts = f"prompts of about {setting['prompt_tokens']} tokens"
    return [f"Trains {weights}; {prompts}; {responses}."]


def _sides(sides: Mapping[str, Table]) -> list[str]:
    lines = table_head(
        "", *[f"{side} (n={summary['num_steps']})" for side, summary in sides.items()]
    )
    lines += table_row("**seconds a step**", *_cells(sides, "seconds"))
    for phase in PHASES:
        lines += table_row(phase, *[f"{side['phases'][phase]:.2f}" for side in sides.values()])
    lines += table_row("**seconds per 1,000 tokens**", *_cells(sides, "seconds_per_1000_tokens"))
    for phase in PHASES:
        lines += table_row(
            phase, *[f"{side['phases_per_1000_tokens'][phase]:.2f}" for side in sides.values()]
        )
    lines += table_row("tokens of a prompt", *_cells(sides, "prompt_tokens", digits=0))
    lines += table_row("tokens of a response", *_cells(sides, "response_tokens", digits=1))
    lines += table_row(
        "by step", *[_listed(side["response_tokens_by_step"]) for side in sides.values()]
    )
    lines += table_row(
        "tokens of the longest response", *_cells(sides, "longest_response", digits=0)
    )
    lines += table_row("peak memory, GB", *_cells(sides, "peak_gb"))
    if any(side["peak_gpu_gb"] is not None for side in sides.values()):
        lines += table_row("peak GPU memory, GB", *_cells(sides, "peak_gpu_gb"))
    return lines  # fmt: skip


def _cells(sides: Mapping[str, Table], name: str, digits: int = 2) -> list[str]:
    return [f"{side[name]:.{digits}f}" for side in sides.values()]


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def table_head(*names: str) -> list[str]:
    """Write the first two lines of a Markdown table.

    Args:
        *names: The columns.

    Returns:
        The lines.
    """
    return [*table_row(*names), f"|{'---|' * len(names)}"]


def table_row(*cells: str) -> list[str]:
    """Write a line of a Markdown table.

    Args:
        *cells: Their text.

    Returns:
        One line.
    """
    return [f"| {' | '.join(_escaped(cells))} |"]


def _escaped(cells: Iterable[str]) -> list[str]:
    return [cell.replace("|", "\\|") for cell in cells]
