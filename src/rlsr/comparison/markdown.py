"""A comparison as Markdown, for a README, an issue or a paper's notes: the table and sentences of the page."""

from pathlib import Path

from rlsr.comparison.choice_table import choice_in_words, choice_table
from rlsr.comparison.choices import Choice
from rlsr.comparison.curve_table import curve_groups
from rlsr.comparison.curve_words import crossings_in_words, how_curves_were_made, shown_curves
from rlsr.comparison.result import Comparison, Origin
from rlsr.comparison.table import ComparisonTable, TableCell, TableGroup, TableRow, table_of
from rlsr.comparison.words import Finding, findings, how_it_was_compared
from rlsr.runs.refused_writes import writing_to


def write_comparison_markdown(file: Path, comparison: Comparison) -> Path:
    """Write ``compare.md``."""
    with writing_to(file):
        file.write_text(comparison_markdown(comparison), encoding="utf-8")
    return file


def comparison_markdown(comparison: Comparison, *, over_time: bool = True) -> str:
    """Write sentences, a table a group of metrics, how the numbers were made and on what, and notes.

    Args:
        comparison: What was found.
        over_time: Whether the curves follow the tables.
    """
    table = table_of(comparison)
    parts = [
        *map(_sentence, findings(comparison)),
        *(line for group in table.groups for line in ("", *_group(group, table))),
        *(line for choice in comparison.choices for line in ("", *_choice(choice))),
        "",
        how_it_was_compared(comparison),
        *(("", curves) if over_time and (curves := over_time_markdown(comparison)) else ()),
        *(("", _origin(comparison.origin)) if comparison.origin else ()),
        *(line for note in comparison.notes for line in ("", f"Note: {_escaped(note)}")),
    ]
    return "\n".join(parts).strip() + "\n"


def over_time_markdown(comparison: Comparison) -> str:
    """Write the curves by time, and from when on who is ahead; nothing where nothing was measured along the way."""
    curves = shown_curves(comparison)
    if curves is None:
        return ""
    table = table_of(comparison)
    parts = [
        *(f"- {_escaped(sentence)}." for sentence in crossings_in_words(comparison)),
        *(line for group in curve_groups(comparison) for line in ("", *_group(group, table))),
        "",
        how_curves_were_made(curves),
    ]
    return "\n".join(parts).strip()


def _sentence(finding: Finding) -> str:
    sentences = []
    if finding.independent:
        sentences.append(f"**{_escaped(finding.name)}** {_escaped(finding.independent)}.")
    if finding.in_reward:
        who = "it" if sentences else f"**{_escaped(finding.name)}**"
        sentences.append(
            f"By the measures of the reward itself {who} {_escaped(finding.in_reward)}."
        )
    return f"- {' '.join(sentences)}"


def _group(group: TableGroup, table: ComparisonTable) -> list[str]:
    return [
        f"| {_escaped(group.title)} | {' | '.join(map(_escaped, table.columns))} |",
        "|---" * (1 + len(table.columns)) + "|",
        *map(_row, group.rows),
    ]


def _row(row: TableRow) -> str:
    title = f"{row.label} ({row.remark})" if row.remark else row.label
    return f"| {_escaped(title)} | {' | '.join(map(_cell, row.cells))} |"


def _cell(cell: TableCell) -> str:
    found = " ".join(part for part in (cell.value, cell.difference, cell.interval) if part)
    if not cell.verdict or cell.verdict == "baseline":
        return found
    emphasis = "**" if cell.tone in {"good", "bad"} else ""
    return f"{found} {emphasis}{cell.verdict}{emphasis}"


def _choice(choice: Choice) -> list[str]:
    table = choice_table(choice)
    rows = [table.columns, ("---",) * len(table.columns), *table.rows]
    lines = [f"| {' | '.join(map(_escaped, row))} |" for row in rows]
    return [f"{_escaped(choice_in_words(choice))}.", "", *lines]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _origin(origin: Origin) -> str:
    machine = ", ".join(
        f"{name} {value}"
        for name, value in origin.machine.items()
        if isinstance(value, str | int | float)
    )
    commit = f", commit {origin.commit}" if origin.commit else ""
    return f"{origin.created}, rlsr {origin.rlsr}{commit}; {machine}."
