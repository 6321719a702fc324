"""Where sentences begin and end."""

import pytest

from rlsr.data.sentences import sentence_spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("  Padded.  ", ["Padded."]),
        ("He said: 'Stop.' Then he left.", ["He said: 'Stop.'", "Then he left."]),
        ("Wait... Really?! Yes.", ["Wait...", "Really?!", "Yes."]),
        (
            "Dr. Smith met J. Doe, e.g. in Ulm. Good.",
            ["Dr. Smith met J. Doe, e.g. in Ulm.", "Good."],
        ),
        ("So did I. They left.", ["So did I.", "They left."]),
        (
            "It is approx. ten, at 7.30 p.m. on Mondays.",
            ["It is approx. ten, at 7.30 p.m. on Mondays."],
        ),
        ("1. Wash it.\n2. Dry it.", ["1. Wash it.", "2. Dry it."]),
        ("No stop here\nNor here\n\nEnd", ["No stop here", "Nor here", "End"]),
        ("第一句。第二句！第三句", ["第一句。", "第二句！", "第三句"]),  # noqa: RUF001
        ("3.14 is pi.It goes on.", ["3.14 is pi.It goes on."]),
        ("", []),
        (" \n\t ", []),
        ("Space before \n a break", ["Space before", "a break"]),
        ("...", ["..."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == expected
