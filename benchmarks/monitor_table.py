"""The table of docs/monitors.md, from what benchmarks/monitors.py has kept."""

from typing import Any


def table(kept: list[dict[str, Any]]) -> str:
    """Make the Markdown table of docs/monitors.md.

    Args:
        kept: Of the JSON.
    """
    lines = ["| run | steps | alarm, first step | warning alone |", "|---|---|---|---|"]
    for row in kept:
        alarms, warned = (
            ", ".join(f"{name} {step}" for name, step in row[key].items()) or "none"
            for key in ("alarms", "warnings")
        )
        lines.append(f"| {row['run']} | {row['num_steps']} | {alarms} | {warned} |")
    return "\n".join(lines)
