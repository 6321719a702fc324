"""What the table of a report shows, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.evaluation.metrics import describe
from rlsr.report.results import Column, Results

NO_DIFFERENCE = "no difference shown"
"""The verdict of an interval that holds 0."""


@dataclass(frozen=True)
class Finding:
    """What the table shows about one column, in words."""

    name: str
    """Of the column."""
    independent: str
    """Goes on after the name: what measures show that the reward does not have; may be empty."""
    in_reward: str
    """What is shown by measures that the reward has, at which training may have aimed; may be empty."""


def findings(results: Results) -> tuple[Finding, ...]:
    """Say what the table shows.

    Args:
        results: What was found.

    Returns:
        One finding a column that is compared with another.
    """
    return tuple(_finding(column, results) for column in results.columns if column.compared_with)


def _finding(column: Column, results: Results) -> Finding:
    against = column.compared_with or ""
    independent, in_reward = (
        _in_words(column, against, [m.name for m in results.metrics if m.in_reward == wanted])
        for wanted in (False, True)
    )
    return Finding(column.name, independent, in_reward)


def _in_words(column: Column, against: str, names: Sequence[str]) -> str:
    found = {
        verdict: _listing(
            [describe(name).short_label for name in names if _verdict(column, name) == verdict]
        )
        for verdict in ("higher", "lower", NO_DIFFERENCE)
    }
    differs = [
        f"{verdict} on {found[verdict]}" for verdict in ("higher", "lower") if found[verdict]
    ]
    even = found[NO_DIFFERENCE]
    if not differs:
        return f"shows no difference from {against} on {even}" if even else ""
    text = "is " + " and ".join(differs).replace(" on ", f" than {against} on ", 1)
    return f"{text}; {NO_DIFFERENCE} on {even}" if even else text


def _verdict(column: Column, name: str) -> str:
    score = column.scores.get(name)
    return score.verdict if score else ""


def _listing(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
