"""Samples as a table of Markdown."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.tracking.samples_text import markdown_table, table_rows
from rlsr.tracking.tracker import Sample

SAMPLES = st.lists(
    st.builds(
        Sample, st.text(), st.text(), st.text("|\n\\<a>&#\x0b\u2028"), st.none() | st.floats(-1, 1)
    ),
    max_size=4,
)


@settings(max_examples=40)
@given(samples=SAMPLES)
def test_no_text_leaves_its_cell(samples: list[Sample]) -> None:
    lines = markdown_table(samples).splitlines()
    assert len(lines) == 2 + len(samples)
    for line in lines:
        # A bar behind an odd number of backslashes is a letter.
        bars = re.findall(r"(?<!\\)(?:\\\\)*\|", line)
        assert len(bars) == 5
        assert not re.search(r"<(?!br>)", line)


def test_what_is_unscored_is_no_0() -> None:
    sample = Sample("p", "a*b", "x\ny", None)
    assert markdown_table([sample]).splitlines()[-1] == r"| p | a\*b | x<br>y |  |"
    assert table_rows([sample]) == [["p", "a*b", "x\ny", None]]
