"""The claim and the comparisons behind it as Markdown."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from claim_entries import Entry
from claim_statistics import Interval
from step_tables import table_head, table_row

from rlsr.comparison.markdown import comparison_markdown, over_time_markdown
from rlsr.comparison.result import Comparison
from rlsr.errors import RunError
from rlsr.evaluation.metrics import describe, labelled
from rlsr.statistics.in_words import NOTHING, number


def claim_table(found: Sequence[Entry]) -> str:
    """Write a table for each set: the parts of the claim side by side.

    Args:
        found: All entries, those of a set together.

    Returns:
        Markdown.
    """
    parts = []
    for name, of_set in groupby(found, key=lambda entry: entry.set):
        entries = list(of_set)
        first = entries[0]
        budget = "" if first.budget_s is None else f", {first.budget_s:g} s each"
        seeds = f"{first.seeds} seed{'' if first.seeds == 1 else 's'}"
        parts += [
            f"**{name}**: {first.heldout} held-out prompts, {seeds}{budget}; the best SFT is {first.sft_recipe or NOTHING}.",
            "",
            *table_head(
                "", "base", "best SFT", "RLSR", "SFT, then RLSR", "SFT, then RLSR, minus best SFT",
                "gain of RLSR / of SFT", "gain of SFT, then RLSR / of SFT",
            ),
            *(line for entry in entries for line in _row(entry)),
            "",
        ]  # fmt: skip
    return "\n".join(parts).strip()


def _row(entry: Entry) -> list[str]:
    digits = describe(entry.metric).digits
    means = (entry.base, entry.sft, entry.rlsr, entry.sft_rlsr)
    return table_row(
        labelled(entry.metric, in_reward=entry.in_reward),
        *(number(mean, digits) for mean in means),
        _with_interval(entry.sft_rlsr_minus_sft, digits, sign=True),
        _with_interval(entry.rlsr_gain_over_sft_gain, 2),
        _with_interval(entry.sft_rlsr_gain_over_sft_gain, 2),
    )


def _with_interval(found: Interval | None, digits: int, *, sign: bool = False) -> str:
    if found is None:
        return NOTHING
    value, *ends = (number(one, digits, sign=sign) for one in found)
    return value if NOTHING in ends else f"{value} [{ends[0]}, {ends[1]}]"


def over_time_tables(comparisons: Mapping[str, Comparison]) -> str:
    """Write the curves of every set by time, and who is ahead from when on.

    Args:
        comparisons: By set.

    Returns:
        Markdown; a sentence for a set that nothing was measured of along the way.
    """
    parts = []
    for name, comparison in comparisons.items():
        text = over_time_markdown(comparison) or "Nothing was measured along the way."
        parts += [f"### {name}", "", text, ""]
    return "\n".join(parts).strip()


def full_tables(comparisons: Mapping[str, Comparison]) -> str:
    """Write everything that every comparison has found.

    Args:
        comparisons: By set.
    """
    parts = [
        line
        for name, comparison in comparisons.items()
        for line in (f"### {name}", "", comparison_markdown(comparison, over_time=False))
    ]
    return "\n".join(parts).strip()


def put_between_markers(text: str, name: str, table: str, page: Path) -> str:
    """Replace what stands between ``<!-- begin: name -->`` and ``<!-- end: name -->``.

    Args:
        text: A page.
        name: Of the markers.
        table: What is to stand there.
        page: Where the text is from, for the message.

    Raises:
        RunError: The markers do not stand there once each, the first before the second.
    """
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    if (text.count(begin), text.count(end)) != (1, 1) or text.index(begin) > text.index(end):
        raise RunError(
            f"{page}: expected {begin} and then {end}, once each, got {text.count(begin)} and {text.count(end)}; put them where "
            "the table is to stand"
        )
    before, after = text[: text.index(begin)], text[text.index(end) :]
    return f"{before}{begin}\n\n{table}\n\n{after}"
