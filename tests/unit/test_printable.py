"""What steers a terminal is spelled out, and nothing else is touched."""

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.printable import PrintableFormatter, printable


@given(st.text())
def test_nothing_steering_is_left_and_nothing_else_is_touched(text: str) -> None:
    shown = printable(text)
    kept = {
        character
        for character in shown
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    }
    assert kept <= {"\n", "\t"}
    assert not any(
        unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        for character in shown
    )  # fmt: skip
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]8;;http://x\x07link\x9b2J", "\\x1b]8;;http://x\\x07link\\x9b2J"),
        ("safe\rEVIL\x08\x00\x7f", "safe\\rEVIL\\x08\\x00\\x7f"),
        ("a\u202eb\u2066c\u200f", "a\\u202eb\\u2066c\\u200f"),
        ("one\n\ttwo 👩\u200d🚀 é שלום", "one\n\ttwo 👩\u200d🚀 é שלום"),
    ],
)
def test_it_is_written_as_python_writes_it(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_a_log_record_is_written_so() -> None:
    record = logging.LogRecord("rlsr", logging.WARNING, "", 0, "row %s", ("\x1b[2J",), None)
    assert PrintableFormatter("%(message)s").format(record) == "row \\x1b[2J"
