"""What counts as text: something that a reader would see."""

import unicodedata
from typing import Final

_INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Controls, formats such as the zero-width space, and separators."""
_INVISIBLE_OTHERS: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
) | frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
"""Fillers, joiners, variation selectors and the Braille blank, which Unicode counts among letters, marks and symbols."""


def is_empty(text: str) -> bool:
    """Say whether a text shows nothing: white space, and characters without a form of their own, alone.

    Args:
        text: The text.

    Source:
        Unicode general categories (UAX 44) and Default_Ignorable_Code_Point, which Python does not know.
    """
    return not any(map(_is_visible, text))


def count_visible(text: str) -> int:
    """Count the characters that show something.

    Args:
        text: The text.

    Returns:
        Code points, in [0, length of the text]; a letter and its accent may be two.
    """
    return sum(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    return (
        unicodedata.category(character) not in _INVISIBLE_CATEGORIES
        and character not in _INVISIBLE_OTHERS
    )
