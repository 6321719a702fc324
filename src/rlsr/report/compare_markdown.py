"""A comparison as Markdown, for a README, an issue or a paper's notes: the table and sentences of the page."""

from pathlib import Path

from rlsr.evaluation.comparison_result import Comparison
from rlsr.report.compare_table import Cell, ReportTable, TableGroup, TableRow, report_table
from rlsr.report.findings import Finding
from rlsr.report.results import results_of


def write_comparison_markdown(file: Path, comparison: Comparison) -> Path:
    """Write ``compare.md``.

    Args:
        file: Where to; its directory exists.
        comparison: What was found.

    Returns:
        The file.
    """
    file.write_text(comparison_markdown(comparison), encoding="utf-8")
    return file


def comparison_markdown(comparison: Comparison) -> str:
    """Write a comparison in Markdown.

    Args:
        comparison: What was found.

    Returns:
        Sentences, a table a group of metrics, how the numbers were made and on what, and the notes.
    """
    table = report_table(results_of(comparison))
    parts = [
        *(_sentence(finding) for finding in table.findings),
        *(line for group in table.groups for line in ("", *_group(group, table))),
        "",
        table.caption,
        "",
        _origin(comparison),
        *(line for note in comparison.notes for line in ("", f"Note: {_escaped(note)}")),
    ]
    return "\n".join(parts).strip() + "\n"


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


def _group(group: TableGroup, table: ReportTable) -> list[str]:
    return [
        f"| {_escaped(group.title)} | {' | '.join(map(_escaped, table.columns))} |",
        "|---" * (1 + len(table.columns)) + "|",
        *(_row(row) for row in group.rows),
    ]


def _row(row: TableRow) -> str:
    title = f"{row.label} ({row.remark})" if row.remark else row.label
    return f"| {_escaped(title)} | {' | '.join(_cell(cell) for cell in row.cells)} |"


def _cell(cell: Cell) -> str:
    found = " ".join(part for part in (cell.value, cell.difference, cell.interval) if part)
    if not cell.verdict or cell.verdict == "baseline":
        return found
    emphasis = "**" if cell.tone in {"good", "bad"} else ""
    return f"{found} {emphasis}{cell.verdict}{emphasis}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _origin(comparison: Comparison) -> str:
    machine = ", ".join(
        f"{name} {value}"
        for name, value in comparison.machine.items()
        if isinstance(value, str | int | float)
    )
    commit = f", commit {comparison.commit}" if comparison.commit else ""
    return f"{comparison.created}, rlsr {comparison.rlsr}{commit}; {machine}."
