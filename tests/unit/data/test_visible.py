"""A text that shows nothing is empty, in every place that has to hold one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.data import ColumnNames
from rlsr.data.convert import to_entry
from rlsr.data.layouts import resolve_layout
from rlsr.data.rows import Problem, RawRow
from rlsr.data.visible import is_empty

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u3164\u115f\u2800\ufe0f\u202e\u180e\U000e0041\x00\x1b\u2028\u00a0 \t\n"


@pytest.mark.parametrize("text", ["", *INVISIBLE, INVISIBLE])
def test_shows_nothing(text: str) -> None:
    assert is_empty(text)


@pytest.mark.parametrize(
    "text", ["a", ".", "字", "é", "\u0301", "🙂", "👩\u200d🚀", "\u200bא\u200f", "٣"]
)
def test_shows_something(text: str) -> None:
    assert not is_empty(text)


@given(st.text(st.sampled_from(INVISIBLE)), st.characters(categories=["L", "N", "P", "S"]))
def test_one_visible_character_is_enough(around: str, character: str) -> None:
    assert is_empty(around)
    shown = character not in INVISIBLE and "FILLER" not in unicodedata.name(character, "")
    if shown and character != "\u2800":
        assert not is_empty(around + character + around)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"prompt": "Q", "response": INVISIBLE}, "empty_response"),
        ({"prompt": "\u200b", "response": "A"}, "empty_prompt"),
        ({"prompt": "Q", "reference": "A", "response": "x", "rejected": "\u200b"}, None),
        ({"instruction": "\u200b", "output": "A"}, "empty_prompt"),
        ({"instruction": "Q", "input": "\u200b", "output": "\ufeff"}, "empty_response"),
        ({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "\u200b"}]}, "empty_response"),
        ({"messages": [{"role": "user", "content": "\u200b"}, {"role": "assistant", "content": "A"}]}, "empty_prompt"),
        ({"prompt": "Q", "chosen": "\u200b", "rejected": "A"}, "empty_response"),
        ({"prompt": "Q", "chosen": "A", "rejected": "\u200b"}, "empty_response"),
        ({"instruction": "Q", "output": "A", "history": [["\u200b", "a"]]}, "bad_conversation"),
    ],
)  # fmt: skip
def test_a_row_with_such_a_text_is_bad(row: dict[str, object], kind: str | None) -> None:
    raw = RawRow("f:1", row)
    entry = to_entry(raw, resolve_layout([raw], layout="auto", columns=ColumnNames(), source="f"))
    assert (entry.kind if isinstance(entry, Problem) else None) == kind
