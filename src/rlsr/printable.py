"""How text of others is shown to people: what would steer a terminal, or change the order of what is read, is spelled out."""

import logging
import re
from typing import Final

from rlsr.secrets import redact

_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters but for the tab and the line feed, other line ends, direction marks, halves of surrogate pairs, and the two code
points that are no characters, which no YAML may have."""


def printable(text: str) -> str:
    r"""Spell out the characters that a terminal obeys instead of showing them.

    Args:
        text: Any text, as a prompt, a file name or a message that quotes them.

    Returns:
        The text with each of them written as Python writes it, as in ``\x1b`` or ``\u202e``. Doing it twice changes nothing.
    """
    return _STEERING.sub(lambda found: repr(found.group())[1:-1], text)


class PrintableFormatter(logging.Formatter):
    """Writes log records, and the tracebacks in them, without anything that would steer a terminal, and without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record.

        Args:
            record: What was logged, texts of others among it.
        """
        return printable(redact(super().format(record)))
