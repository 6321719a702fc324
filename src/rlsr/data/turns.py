"""Texts and turns inside a row: read without altering a character, or refused with the reason."""

import re
from collections.abc import Mapping
from typing import Final

from rlsr.data.record import Message, Role
from rlsr.data.rows import ProblemKind, show, show_names
from rlsr.data.visible import is_empty

ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
}
_TOOL_ROLES = frozenset({"tool", "function", "function_call", "observation", "ipython"})
_TOOL_KEYS = ("tool_calls", "function_call")
_SHOWN_DIGITS = 20
_SURROGATE = re.compile("[\ud800-\udfff]")


class RowFault(Exception):
    """A row cannot be used; caught where the row's location is known.

    Args:
        kind: The kind of problem.
        message: What was wrong and the way out.
    """

    def __init__(self, kind: ProblemKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.message), self.__dict__


def describe(value: object) -> str:
    """Name a JSON value for a message, with its text where that is short."""
    match value:
        case None:
            name = "null"
        case bool():
            name = f"a truth value ({str(value).lower()})"
        case int() | float():
            name = f"a number ({str(value)[:_SHOWN_DIGITS]})"
        case str():
            name = f"the text {show(value)}"
        case Mapping():
            name = "an object"
        case list():
            name = "a list"
        case _:
            name = f"a value of type {type(value).__name__}"
    return name


def as_text(value: object, name: str) -> str:
    """Check that a value is text that UTF-8 can hold.

    Args:
        value: The value.
        name: What the value is called in the row, for the message.

    Returns:
        The value, unchanged.

    Raises:
        RowFault: If it is of another type, or holds half of a surrogate pair.
    """
    if not isinstance(value, str):
        raise RowFault(
            "wrong_type", f"{name} must be text, got {describe(value)}; put the text in quotes"
        )
    if not value.isascii() and (found := _SURROGATE.search(value)):
        raise RowFault(
            "invalid_utf8",
            f"{name} holds half of a surrogate pair (\\u{ord(found[0]):04x}) at character "
            f"{found.start() + 1}; write the whole character, or remove the row",
        )
    return value


def is_blank(value: object) -> bool:
    """Whether an optional value is absent: null, or text that shows nothing."""
    return value is None or (isinstance(value, str) and is_empty(value))


def parse_turns(value: object, name: str) -> tuple[Message, ...]:
    """Read a list of turns, each with ``role`` and ``content`` or with ``from`` and ``value``.

    Args:
        value: The list, as the row holds it.
        name: The column it stands in, in back quotes.

    Returns:
        The turns, system turns included, in their order; none of them empty.

    Raises:
        RowFault: If it is no list of turns, or a turn cannot be used.
    """
    if not isinstance(value, list):
        raise RowFault(
            "wrong_type", f"{name} must be a list of turns, got {describe(value)}; make it a list"
        )
    if not value:
        raise RowFault("bad_conversation", f"{name} holds no turns; add them or remove the row")
    return tuple(
        _parse_turn(turn, f"turn {number} of {name}", is_last=number == len(value))
        for number, turn in enumerate(value, start=1)
    )


def _parse_turn(turn: object, name: str, *, is_last: bool) -> Message:
    if not isinstance(turn, Mapping):
        raise RowFault(
            "wrong_type",
            f"{name} must be an object with `role` and `content`, got {describe(turn)}; "
            "write it so",
        )
    role = _parse_role(_either(turn, "role", "from", name), name)
    if any(turn.get(key) for key in _TOOL_KEYS):
        raise RowFault(
            "bad_conversation", f"{name} calls a tool, which is not supported; remove the row"
        )
    content = _join_parts(_either(turn, "content", "value", name), name)
    if is_empty(content):
        raise _empty_turn(role, name, is_last=is_last)
    return Message(role, content)


def _either(turn: Mapping[object, object], key: str, other_key: str, name: str) -> object:
    value = turn.get(key) if turn.get(key) is not None else turn.get(other_key)
    if value is None:
        raise RowFault(
            "missing_field",
            f"{name} has no `{key}` (or `{other_key}`), it has {show_names(turn)}; "
            "add it or remove the row",
        )
    return value


def _parse_role(value: object, name: str) -> Role:
    text = as_text(value, f"the role in {name}")
    if text in _TOOL_ROLES:
        raise RowFault(
            "bad_conversation",
            f"{name} has the role {show(text)}; tool turns are not supported: remove the row",
        )
    if text not in ROLES:
        raise RowFault(
            "bad_conversation",
            f"{name} has the role {show(text)}, must be one of {', '.join(ROLES)}; rename it",
        )
    return ROLES[text]


def _join_parts(content: object, name: str) -> str:
    """Join content given in parts, which must all be text."""
    if not isinstance(content, list):
        return as_text(content, f"the content of {name}")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if not isinstance(part, Mapping) or kind != "text":
            got = f"the type {show(str(kind))}" if isinstance(part, Mapping) else describe(part)
            raise RowFault(
                "bad_conversation",
                f"{name} has a content part that is not of type `text`, got {got}; "
                "only text is supported: remove the row",
            )
        texts.append(as_text(part.get("text"), f"a content part of {name}"))
    return "".join(texts)


def _empty_turn(role: Role, name: str, *, is_last: bool) -> RowFault:
    kind: ProblemKind = "bad_conversation"
    if role == "user":
        kind = "empty_prompt"
    elif role == "assistant" and is_last:
        kind = "empty_response"
    return RowFault(kind, f"{name} ({role}) holds no text; fill it or remove the row")
