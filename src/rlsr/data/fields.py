"""The columns of one row: read as text or as turns, or refused with the reason."""

from collections.abc import Mapping
from typing import Literal

from rlsr.data.layouts import ResolvedLayout
from rlsr.data.record import Message
from rlsr.data.rows import show, show_names
from rlsr.data.turns import RowFault, as_text, describe, is_blank, parse_turns
from rlsr.data.visible import is_empty

Fields = Mapping[str, object]

EmptyKind = Literal["empty_prompt", "empty_response"]


def as_fields(value: object) -> Fields:
    """Check that a row is an object.

    Args:
        value: The row as its source holds it.

    Raises:
        RowFault: If it is something else.
    """
    if not isinstance(value, dict):
        raise RowFault(
            "not_an_object",
            f"a row must be an object with named columns, got {describe(value)}; write it so",
        )
    return value


def field(fields: Fields, column: str) -> object:
    """Take a column that must be there, null or not."""
    if column not in fields:
        raise RowFault(
            "missing_field",
            f"{show(column)} is missing, the row has {show_names(fields)}; "
            "add it or remove the row",
        )
    return fields[column]


def required(fields: Fields, column: str) -> object:
    """Take a column that must be filled."""
    value = field(fields, column)
    if value is None:
        raise RowFault("missing_field", f"{show(column)} is null; fill it or remove the row")
    return value


def filled_text(fields: Fields, column: str, *, kind: EmptyKind) -> str:
    """Take a text that shows something.

    Args:
        fields: The row.
        column: The column.
        kind: The problem if it is not.

    Returns:
        The text, unchanged.

    Raises:
        RowFault: If it is missing, no text, or blank.
    """
    text = as_text(required(fields, column), show(column))
    if is_empty(text):
        noun = "a prompt" if kind == "empty_prompt" else "an answer"
        raise RowFault(kind, f"{show(column)} holds no text; write {noun} or remove the row")
    return text


def prompt_turns(fields: Fields, column: str) -> tuple[Message, ...]:
    """Take a prompt that is a text or a list of turns.

    Args:
        fields: The row.
        column: The column.

    Returns:
        At least one turn.

    Raises:
        RowFault: If it is missing, empty or something else.
    """
    value = required(fields, column)
    if isinstance(value, list):
        return parse_turns(value, show(column))
    return (Message("user", filled_text(fields, column, kind="empty_prompt")),)


def with_system(
    fields: Fields, layout: ResolvedLayout, turns: tuple[Message, ...]
) -> tuple[Message, ...]:
    """Put the system column's message before the turns, where the row has one.

    Args:
        fields: The row.
        layout: Names the column.
        turns: At least one.

    Returns:
        The turns with it.

    Raises:
        RowFault: If the column is named in the config and missing, or the turns have a system message too.
    """
    named = layout.system_required
    value = field(fields, layout.system) if named else fields.get(layout.system)
    if is_blank(value):
        return turns
    system = Message("system", as_text(value, show(layout.system)))
    if turns[0].role == "system":
        raise RowFault(
            "bad_conversation",
            f"there is a system message in {show(layout.system)} and another among the turns; "
            "keep one",
        )
    return (system, *turns)
