"""Regular expressions, as Python's ``re`` has them; asked by way of ``rlsr.answers.bounded``, since one may try all ways."""

import re
from collections.abc import Sequence


def last_match(pattern: str, text: str) -> str | None:
    """Take what the last match of a pattern names.

    Args:
        pattern: With a group ``answer``, or with a first group that is taken, or without any.
        text: Any text.

    Returns:
        The group, or the whole match; None without a match, or where nothing stands in it.
    """
    found = None
    for match in re.finditer(pattern, text):
        found = match
    if found is None:
        return None
    group = "answer" if "answer" in found.re.groupindex else min(1, found.re.groups)
    return (found[group] or "").strip() or None


def keeps_rules(
    text: str, pattern: str | None, full: bool, required: Sequence[str], forbidden: Sequence[str]
) -> bool:
    """Say whether a text keeps to patterns.

    Args:
        text: Any text.
        pattern: What it must match; None for nothing.
        full: Whether from its first to its last character; somewhere in it otherwise.
        required: What must each be found somewhere in it.
        forbidden: What must not.
    """
    match = re.fullmatch if full else re.search
    return (
        (pattern is None or match(pattern, text) is not None)
        and all(re.search(one, text) for one in required)
        and not any(re.search(one, text) for one in forbidden)
    )
