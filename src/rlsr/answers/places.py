"""Where the answer stands in a text; of several the last one counts, which is what the writer ended with."""

import re

_OPENING = "\\boxed{"


def whole(text: str) -> str | None:
    """Take all of a text, without white space around it; None where there is nothing else."""
    return text.strip() or None


def last_line(text: str) -> str | None:
    """Take the last line that has more than white space."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else None


def behind(text: str, mark: str) -> str | None:
    """Take what stands behind the last mark.

    Args:
        text: Any text.
        mark: As in ``####``.

    Returns:
        The rest of its line, or the first line with something on it; None without the mark or without anything behind it.
    """
    _, found, rest = text.rpartition(mark)
    lines = rest.strip().splitlines()
    return lines[0].strip() if found and lines else None


def inside_tag(text: str, tag: str) -> str | None:
    """Take what stands in the last complete ``<tag>...</tag>``; None where there is none, or nothing in it."""
    end = text.rfind(f"</{tag}>")
    start = text.rfind(f"<{tag}>", 0, max(end, 0))
    return whole(text[start + len(tag) + 2 : end]) if start >= 0 and end >= 0 else None


def boxed(text: str) -> str | None:
    r"""Take what stands in the last complete ``\boxed{...}``, brackets inside it in pairs."""
    start = text.rfind(_OPENING)
    while start >= 0:
        inside = _in_brackets(text, start + len(_OPENING))
        if inside is not None:
            return whole(inside)
        start = text.rfind(_OPENING, 0, start)
    return None


def _in_brackets(text: str, start: int) -> str | None:
    depth = 1
    for bracket in re.finditer(r"\\.|[{}]", text[start:], flags=re.DOTALL):
        depth += {"{": 1, "}": -1}.get(bracket[0], 0)
        if depth == 0:
            return text[start : start + bracket.start()]
    return None
