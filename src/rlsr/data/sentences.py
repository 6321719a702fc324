"""Sentences are found by rules that are good enough to compare or to damage a text, for English above all."""

import re

Span = tuple[int, int]

# Possessive and anchored at the start of a run: a text of full stops alone takes linear time too.
_BOUNDARY = re.compile(
    r"""(?<![.!?…])[.!?…]++["'\u201d\u2019»)\]*_]*+(?=\s)|[。\uff01\uff1f]++["\u201d\u2019」』\uff09]*+|(?=\n)"""
)
_SPACE = re.compile(r"\s*")
_SHORT_FORMS = "dr. mr. mrs. ms. prof. st. no. vs. e.g. i.e. cf. ca. approx. fig. jr. sr."
_ABBREVIATIONS = frozenset(_SHORT_FORMS.split())
_LIST_MARKER = re.compile(r"(?:\d{1,3}|[A-Za-z])[.)]")
# A longer piece before a full stop is no list marker, and only its last word decides whether it is an abbreviation.
_LONGEST_LOOK_BACK = 20


def sentence_spans(text: str) -> list[Span]:
    """Find the sentences of a text; a line break ends a sentence, too.

    Args:
        text: Any text.

    Returns:
        The start and the end of each sentence in the text, in order; white space between sentences belongs to none.
    """
    spans: list[Span] = []
    start = _skip_space(text, 0)
    for boundary in _BOUNDARY.finditer(text):
        end = boundary.end()
        if end > start and not _goes_on(text, start, boundary):
            spans.append((start, start + len(text[start:end].rstrip())))
            start = _skip_space(text, end)
    if start < len(text):
        spans.append((start, len(text.rstrip())))
    return spans


def _skip_space(text: str, place: int) -> int:
    """Return the first place from here on that is not white space."""
    match = _SPACE.match(text, place)
    assert match is not None, "the pattern matches the empty string"
    return match.end()


def _goes_on(text: str, start: int, boundary: re.Match[str]) -> bool:
    """Say whether the full stop belongs to an abbreviation, an initial or a list marker."""
    if not boundary.group().startswith("."):
        return False
    end = boundary.end()
    after = _skip_space(text, end)
    if text[after : after + 1].islower() and "\n" not in text[end:after]:
        return True
    if end - start <= 4 and _LIST_MARKER.fullmatch(text[start:end]):
        return True
    words = text[max(start, end - _LONGEST_LOOK_BACK) : end].split()
    last = words[-1].lstrip("(\"'\u201c\u2018") if words else ""
    return last.lower() in _ABBREVIATIONS or (len(last) == 2 and last[0].isupper() and last != "I.")
