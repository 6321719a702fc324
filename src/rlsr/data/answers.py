"""Which of several answers in a row is the reference, and which rows hold answers that were judged wrong."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rlsr.data.rows import show
from rlsr.data.turns import RowFault, is_blank

REFERENCE: Final = "reference"
"""The column that holds the reference wherever it stands beside another answer."""
LABEL_COLUMNS: Final = ("label", "score", "is_correct")
"""Columns that say how good the answer in ``response`` is; higher is better."""

_ANSWER_COLUMNS: Final = (
    REFERENCE,
    "references",
    "response",
    "completion",
    "output",
    "chosen",
    "answer",
    "answers",
    "target",
    "gold",
    "ground_truth",
    "solution",
    "messages",
    "conversations",
)
_PROMPT_COLUMNS: Final = ("prompt", "instruction", "input", "history", "question", "context")
_FALSE: Final = frozenset({"false", "no", "0", "0.0"})


def columns_beside(rows: Sequence[Mapping[str, object]], read: Iterable[str]) -> tuple[str, ...]:
    """List filled columns that might be taken for the prompt, the reference or a judgement, and are none of those read.

    Args:
        rows: The first rows of a source.
        read: The columns that its layout reads.
    """
    names = [*_PROMPT_COLUMNS, *_ANSWER_COLUMNS, *LABEL_COLUMNS]
    return tuple(
        name
        for name in dict.fromkeys(names)
        if name not in read and any(_is_filled(row.get(name)) for row in rows)
    )


def has_reference(row: Mapping[str, object]) -> bool:
    """Say whether a row has a column ``reference`` with something in it."""
    return _is_filled(row.get(REFERENCE))


def answer_text(value: object) -> object:
    """Give the answer that a column holds: its text, or that of the last of its turns."""
    if isinstance(value, list) and value and isinstance(value[-1], Mapping):
        last = value[-1]
        value = last.get("content", last.get("value"))
    return value.strip() if isinstance(value, str) else value


def check_reference(row: Mapping[str, object], answer: str) -> None:
    """Refuse a row with a column ``reference`` where the first rows have none, so that another is read.

    Args:
        row: The row.
        answer: The column that the reference is read from.

    Raises:
        RowFault: If ``reference`` holds another text.
    """
    if has_reference(row) and answer_text(row[REFERENCE]) != answer_text(row.get(answer)):
        raise RowFault(
            "two_answers",
            f"{show(REFERENCE)} stands beside {show(answer)}, but not in the first rows; give all rows a {show(REFERENCE)}, or "
            "name the column that is meant in data.columns.response",
        )


def check_judgement(row: Mapping[str, object], answer: str) -> None:
    """Refuse a row whose answer was judged wrong.

    Args:
        row: The row.
        answer: The column that the reference is read from; judgements are none of ``reference``.

    Raises:
        RowFault: If a column says that it is wrong.
    """
    for column in LABEL_COLUMNS if answer != REFERENCE else ():
        if _says_wrong(column, row.get(column)):
            raise RowFault(
                "judged_wrong",
                f"{show(column)} says that the answer in {show(answer)} is wrong; remove the row, put a right answer into a column "
                f"{show(REFERENCE)}, or rename {show(column)} if it means something else",
            )


def _is_filled(value: object) -> bool:
    return not is_blank(value) and value != []


def _says_wrong(column: str, value: object) -> bool:
    """Read a judgement: truth values in any of the columns; numbers and words in the one whose name leaves no doubt."""
    if isinstance(value, bool):
        return not value
    if column != "is_correct":
        return False
    return str(value).strip().casefold() in _FALSE
