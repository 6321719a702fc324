"""From a raw row to a record, one small reader a layout; no text is altered."""

from collections.abc import Callable

from rlsr.config.data import LayoutName
from rlsr.data.answers import check_judgement, check_reference
from rlsr.data.columns import further_columns
from rlsr.data.fields import (
    Fields,
    as_fields,
    filled_text,
    prompt_turns,
    required,
    with_system,
)
from rlsr.data.layouts import ResolvedLayout
from rlsr.data.preference import from_preference, read_rejected
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Mark, MarkedRecord, Problem, RawRow, show
from rlsr.data.turns import RowFault, as_text, describe, is_blank, parse_turns
from rlsr.data.visible import is_empty

Conversation = tuple[tuple[Message, ...], str]
"""The prompt's messages and the reference."""

_MARKS: dict[str, Mark] = {
    "train": "train",
    "test": "heldout",
    "validation": "heldout",
    "eval": "heldout",
    "heldout": "heldout",
}


def to_entry(row: RawRow, layout: ResolvedLayout) -> MarkedRecord | Problem:
    """Turn a row into a record.

    Args:
        row: The row.
        layout: How it holds prompt, reference and, where it has one, the rejected answer.

    Returns:
        The record with its mark, or the first problem found. No text is altered.
    """
    try:
        fields = as_fields(row.value)
        _check_answer(fields, layout)
        messages, reference = CONVERTERS[layout.name](fields, layout)
        _check_prompt(messages)
        columns, left_out = further_columns(fields, layout)
        record = PromptRecord(
            id=_read_label(fields, "id") or _place(row.location),
            messages=messages,
            reference=reference,
            location=row.location,
            category=_read_label(fields, "category"),
            rejected=read_rejected(fields, layout, messages, reference),
            columns=columns,
        )
        return MarkedRecord(record, _read_mark(fields), left_out)
    except RowFault as fault:
        return Problem(row.location, fault.kind, fault.message)


def _check_answer(fields: Fields, layout: ResolvedLayout) -> None:
    if layout.answer_named:
        return
    if not layout.layout_named:
        check_reference(fields, layout.answer)
    check_judgement(fields, layout.answer)


def _from_prompt(fields: Fields, layout: ResolvedLayout) -> Conversation:
    prompt_column, response_column = layout.required
    required(fields, prompt_column)
    response = required(fields, response_column)
    turns = prompt_turns(fields, prompt_column)
    if not isinstance(response, list):
        reference = filled_text(fields, response_column, kind="empty_response")
    else:
        answer = parse_turns(response, show(response_column))
        if [turn.role for turn in answer] != ["assistant"]:
            raise RowFault(
                "bad_conversation",
                f"{show(response_column)} must hold a single assistant turn, got "
                f"{', '.join(turn.role for turn in answer)}; "
                f"move the others into {show(prompt_column)}",
            )
        reference = answer[0].content
    return with_system(fields, layout, turns), reference


def _from_instruction(fields: Fields, layout: ResolvedLayout) -> Conversation:
    instruction_column, output_column = layout.required
    prompt = filled_text(fields, instruction_column, kind="empty_prompt")
    extra = fields.get("input")
    if not is_blank(extra):
        prompt = f"{prompt}\n\n{as_text(extra, '`input`')}"
    turns = (*_history_turns(fields.get("history")), Message("user", prompt))
    reference = filled_text(fields, output_column, kind="empty_response")
    return with_system(fields, layout, turns), reference


def _history_turns(history: object) -> list[Message]:
    """Read Alpaca's earlier rounds, pairs of a question and its answer."""
    if is_blank(history):
        return []
    pairs = history if isinstance(history, list) else [history]
    turns = []
    for number, pair in enumerate(pairs, start=1):
        if not isinstance(pair, list) or len(pair) != 2:
            message = (
                f"`history` must be a list of pairs of texts, got {describe(pair)}; make it so"
            )
            raise RowFault("wrong_type", message)
        question, answer = (as_text(text, f"pair {number} of `history`") for text in pair)
        if is_empty(question) or is_empty(answer):
            message = f"pair {number} of `history` has an empty text; fill it or remove the pair"
            raise RowFault("bad_conversation", message)
        turns += [Message("user", question), Message("assistant", answer)]
    return turns


def _from_turns(fields: Fields, layout: ResolvedLayout) -> Conversation:
    (column,) = layout.required
    turns = parse_turns(required(fields, column), show(column))
    if all(turn.role != "user" for turn in turns):
        message = f"{show(column)} has no user turn, so there is no prompt; remove the row"
        raise RowFault("bad_conversation", message)
    last = turns[-1].role
    if last != "assistant":
        raise RowFault(
            "bad_conversation",
            f"{show(column)} ends with a {last} turn, so there is no reference answer; "
            "add an assistant turn or remove the row",
        )
    return with_system(fields, layout, turns[:-1]), turns[-1].content


def _check_prompt(messages: tuple[Message, ...]) -> None:
    if any(message.role == "system" for message in messages[1:]):
        raise RowFault(
            "bad_conversation", "a system message may only come first; move it or remove the row"
        )
    last = messages[-1].role
    if last != "user":
        raise RowFault(
            "bad_conversation",
            f"the prompt must end with a user turn, ends with one of the role {last}; "
            "the reference must answer the user: join or remove turns",
        )


def _read_label(fields: Fields, column: str) -> str | None:
    value = fields.get(column)
    if is_blank(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        message = (
            f"`{column}` must be text or a whole number, got {describe(value)}; rename the column"
        )
        raise RowFault("wrong_type", message)
    return as_text(value, f"`{column}`")


def _read_mark(fields: Fields) -> Mark | None:
    value = fields.get("split")
    if is_blank(value):
        return None
    if not isinstance(value, str) or value not in _MARKS:
        raise RowFault(
            "bad_split",
            f"`split` must be one of {', '.join(_MARKS)}, got {describe(value)}; "
            "change it, or rename the column if it means something else",
        )
    return _MARKS[value]


def _place(location: str) -> str:
    last = location.rpartition(":")[2]
    return f"line {last}" if last.isdigit() else last


CONVERTERS: dict[LayoutName, Callable[[Fields, ResolvedLayout], Conversation]] = {
    "prompt_response": _from_prompt,
    "prompt_completion": _from_prompt,
    "instruction": _from_instruction,
    "messages": _from_turns,
    "conversations": _from_turns,
    "preference": from_preference,
}
