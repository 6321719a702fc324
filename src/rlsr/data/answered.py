"""A response with the prompt that it answers, as somebody who asks a reward gives both: read as data are read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rlsr.config.data import ColumnNames
from rlsr.data.columns import json_value
from rlsr.data.convert import to_entry
from rlsr.data.layouts import resolve_layout
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Problem, RawRow
from rlsr.data.turns import RowFault, as_text, describe
from rlsr.data.visible import is_empty
from rlsr.errors import DataError

_LAYOUT = resolve_layout(
    [], layout="prompt_response", columns=ColumnNames(response="reference"), source="rows"
)


@dataclass(frozen=True)
class AnsweredPrompt:
    """One row of what a reward is asked about."""

    record: PromptRecord
    """The prompt, its references and further columns."""
    response: str
    """What the policy wrote; may be empty."""
    ended: bool | None = None
    """Whether it ended by itself; None where that is not known."""


def read_answered(fields: Mapping[str, object], place: str) -> AnsweredPrompt:
    """Read a row.

    Args:
        fields: ``prompt``, a text or messages; ``response``; ``reference``, or ``references`` with all of several, or both; ``ended``
            where it is known; and whatever columns the reward reads beside them.
        place: What the row is called, for messages and as its id, as in ``row 3``.

    Returns:
        The prompt and what answers it.

    Raises:
        DataError: A column is missing, or holds what cannot be used.
    """
    others = {key: value for key, value in fields.items() if key not in {"response", "ended"}}
    try:
        columns = {key: json_value(value) for key, value in others.items()}
    except ValueError as error:
        raise DataError(f"rows: {place}: a value that JSON cannot hold: {error}") from error
    response, ended = fields.get("response"), fields.get("ended")
    if not isinstance(response, str):
        raise DataError(
            f"rows: {place}: the response must be a text, got {type(response).__name__}; write what the policy has answered"
        )
    if not isinstance(ended, bool | None):
        raise DataError(
            f"rows: {place}: `ended` must be true, false or null, got {describe(ended)}; leave it out where it is not known"
        )
    try:
        as_text(response, "`response`")
        more = _split_references(columns)
    except RowFault as fault:
        raise DataError(f"rows: {place}: {fault.message}") from fault
    # Its rejected answer is not compared with, and need not be one that could be trained on.
    entry = to_entry(RawRow(place, {**columns, "rejected": None}), _LAYOUT)
    if isinstance(entry, Problem):
        raise DataError(f"rows: {entry.line}", [entry.line])
    return AnsweredPrompt(replace(entry.record, other_references=more), response, ended)


def _split_references(columns: dict[str, object]) -> tuple[str, ...]:
    """Leave one reference in the columns, and give the others, each once."""
    listed = columns.pop("references", None)
    if listed is None:
        return ()
    if not isinstance(listed, list) or not listed:
        raise RowFault(
            "wrong_type",
            f"`references` must be a list of texts, got {describe(listed)}; give one text as `reference`",
        )
    for place, text in enumerate(listed, start=1):
        if is_empty(as_text(text, f"reference {place} of `references`")):
            raise RowFault(
                "empty_response", f"reference {place} of `references` holds no text; leave it out"
            )
    first = columns.setdefault("reference", listed[0])
    return tuple(dict.fromkeys(text for text in listed if text != first))
