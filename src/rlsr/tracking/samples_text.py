"""Samples as text, for trackers that have no tables."""

from collections.abc import Sequence

from rlsr.tracking.tracker import Sample

COLUMNS = ("prompt", "response", "reference", "reward")
"""Of a table of samples."""


def table_rows(samples: Sequence[Sample]) -> list[list[str | float | None]]:
    """Write samples as rows of a table.

    Args:
        samples: In their order.

    Returns:
        One a sample, as ``COLUMNS`` name the cells.
    """
    return [[one.prompt, one.response, one.reference, one.reward] for one in samples]


def markdown_table(samples: Sequence[Sample]) -> str:
    """Write samples as a table of Markdown.

    Args:
        samples: In their order.
    """
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(_cells, samples)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(sample: Sample) -> tuple[str, ...]:
    texts = tuple(map(_cell, (sample.prompt, sample.response, sample.reference)))
    return (*texts, "" if sample.reward is None else f"{sample.reward:.4g}")


def _cell(text: str) -> str:
    """Keep a text in its cell: neither a line's end nor a bar ends it, and nothing in it is markup."""
    for letter in "\\`*_[]#|":
        text = text.replace(letter, f"\\{letter}")
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return "<br>".join(text.splitlines())
