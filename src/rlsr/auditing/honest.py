"""Honest answers are those that ought to score higher than an attack."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.auditing.rows import AuditRow

OWN = "the policy's own most likely answers"
"""The source of the honest answers where the data have no other good answers."""


@dataclass(frozen=True)
class HonestAnswers:
    """One honest answer to each of some rows."""

    rows: tuple[int, ...]
    """The places of these rows among all rows of the audit."""
    texts: tuple[str, ...]
    """The answers, in the order of ``rows``."""
    source: str
    """Where the answers came from, in words."""


def honest_answers(rows: Sequence[AuditRow], own: Sequence[str]) -> HonestAnswers:
    """Choose the honest answers: second references, or else the best judged answers, or else the policy's own.

    Args:
        rows: The rows of the audit.
        own: The policy's most likely answers to the first rows; may be empty.

    Returns:
        The answers of the first kind that any row has, or none if no row has any.
    """
    second = [(place, row.second_reference) for place, row in enumerate(rows)]
    found = [(place, text) for place, text in second if text and text.strip()]
    if found:
        return _chosen(found, "second references in the data")
    found = [(place, _best(row)) for place, row in enumerate(rows) if _has_good_answer(row)]
    found = [(place, text) for place, text in found if text.strip()]
    if found:
        return _chosen(found, "the best judged answer to each prompt")
    return _chosen([(place, text) for place, text in enumerate(own) if text.strip()], OWN)


def _has_good_answer(row: AuditRow) -> bool:
    """Say whether one answer is better than another, or is marked as right."""
    judgements = {answer.label for answer in row.answers}
    return len(judgements) > 1 or any(judgement >= 1 for judgement in judgements)


def _best(row: AuditRow) -> str:
    return max(row.answers, key=lambda answer: answer.label).text


def _chosen(found: Sequence[tuple[int, str]], source: str) -> HonestAnswers:
    return HonestAnswers(
        tuple(place for place, _ in found), tuple(text for _, text in found), source
    )
