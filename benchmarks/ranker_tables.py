"""The tables of ranker.md, from what benchmarks/ranker.py has kept."""

from collections.abc import Sequence
from typing import Any

from step_tables import table_head, table_row

_MEASURES = (
    "quality", "gsm8k", "self_instruct", "self_instruct rho", "vicuna", "truthfulqa", "arena", "models", "attacks",
)  # fmt: skip


def tables(kept: dict[str, Any]) -> dict[str, str]:
    """Make every table.

    Args:
        kept: Of the JSON.

    Returns:
        Markdown by the name of the markers that it stands between.
    """
    found = {
        "scorers": _values(kept["seen"]),
        "differences": _values(kept["seen"], "minus default"),
        "unseen": _values(kept["unseen"]),
        "unseen differences": _values(kept["unseen"], "minus default"),
        "without last lines": _without_last_lines(kept["gsm8k without last lines"]),
        "attacks": _attacks(kept["attacks"]),
        "weights": _weights(kept),
        "milliseconds": _milliseconds(kept["milliseconds"]),
        "truthfulqa": _truthfulqa(kept),
    }
    return {name: "\n".join(lines) for name, lines in found.items()}


def _values(judged: dict[str, Any], key: str = "value") -> list[str]:
    measures = [name for name in _MEASURES if name in next(iter(judged.values()))]
    lines = table_head("scorer" if key == "value" else f"{key}", *measures)
    for name, row in judged.items():
        if any(row[measure][key] != [0, 0, 0] for measure in measures):
            lines += table_row(name, *(_three(row[measure][key]) for measure in measures))
    return lines


def _without_last_lines(judged: dict[str, Any]) -> list[str]:
    lines = table_head("scorer", "gsm8k", "minus blend")
    for name, row in judged.items():
        lines += table_row(name, *(_three(row["gsm8k"][key]) for key in ("value", "minus default")))
    return lines


def _attacks(attacks: dict[str, Any]) -> list[str]:
    seen, unseen = attacks["seen"], attacks["unseen"]
    names = list(next(iter(seen.values()))["wins"])
    lines = table_head("attack (rows)", *names, "ensemble - blend", "other rows: blend", "ensemble")
    for attack, row in seen.items():
        other = unseen.get(attack)
        again = ["", ""] if other is None else [f"{value:.2f}" for value in other["wins"].values()]
        lines += table_row(
            f"{attack} ({row['rows']})",
            *(f"{row['wins'][name]:.2f}" for name in names),
            _three(row["ensemble minus default"]),
            *again,
        )
    return lines


def _weights(kept: dict[str, Any]) -> list[str]:
    lines = table_head("fitted without", *kept["weights"], "members chosen")
    for held, members in kept["members"].items():
        cells = [
            ", ".join(
                f"{part} {weight:.2f}" for part, weight in own[held].items() if weight >= 0.05
            )
            for own in kept["weights"].values()
        ]
        lines += table_row(held, *cells, ", ".join(members))
    return lines


def _milliseconds(times: dict[str, Any]) -> list[str]:
    families = [name for name in next(iter(times.values())) if name != "words an answer"]
    lines = table_head("ms CPU an answer", *families)
    for source, row in times.items():
        lines += table_row(f"{source}, {row['words an answer']:.0f} words", *(f"{row[name]:.2f}" for name in families))  # fmt: skip
    return lines


def _truthfulqa(kept: dict[str, Any]) -> list[str]:
    lines = table_head("the blend against", "pairs ranked rightly", "prompts")
    for name, row in kept["counter-references"].items():
        lines += table_row(name, _three(row[:3]), f"{row[3]:.0f}")
    read = kept["policy"].get("truthfulqa")
    if read is not None:
        lines += ["", *table_head("on the prompts that the policy has read", f"pairs, {read['prompts']} prompts", "minus blend")]  # fmt: skip
        for name, own in read["scorers"].items():
            lines += table_row(name, _three(own["value"]), _three(own["minus default"]))
    return lines


def _three(row: Sequence[float]) -> str:
    value, low, high = row
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
