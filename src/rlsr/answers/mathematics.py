"""Mathematics inside of texts, and whether two say the same; by math-verify, and asked by way of ``rlsr.answers.bounded``."""

import re
from functools import lru_cache
from typing import Any

_DELIMITERS = ("$", "\\(", "\\[", "\\boxed", "\\begin")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")

# The references of a rollout come back with each response to their prompt.
_KEPT = 4096


def same_mathematics(text: str, is_passage: bool, reference: str) -> bool | None:
    r"""Say whether a text gives the same as a reference.

    Args:
        text: As in ``so \boxed{x + 1}``, or an expression alone.
        is_passage: Whether it is a whole text, in which mathematics is looked for; else it is an expression.
        reference: What is right.

    Returns:
        Whether it does; None where the text has no mathematics.

    Source:
        math-verify, which reads LaTeX and plain numbers and lets sympy decide. It takes a text of one number, an equation or a
        set for what is asked in some ways and not in others, so that both are compared with each other both ways.
    """
    from math_verify import verify

    found = _read(text, is_passage)
    if not found:
        return None
    right = _read(reference, False)
    # The limit of time is the asker's.
    return bool(
        verify(right, found, timeout_seconds=None) or verify(found, right, timeout_seconds=None)
    )


def has_mathematics(text: str) -> bool:
    """Say whether a reference gives something that can be compared."""
    return bool(_read(text, False))


@lru_cache(maxsize=_KEPT)
def _read(text: str, is_passage: bool) -> list[Any]:
    from math_verify import parse

    is_bare = not any(delimiter in text for delimiter in _DELIMITERS)
    if is_bare and not is_passage and _WORD.search(text) is None:
        # It is taken for mathematics only where that is marked.
        found: list[Any] = parse(f"${text}$", parsing_timeout=None)
        if found:
            return found
    read: list[Any] = parse(text, parsing_timeout=None)
    return read
