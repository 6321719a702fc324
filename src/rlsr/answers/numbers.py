"""Numbers as people write them, read exactly."""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal

Decimal = Literal["point", "comma"]

MOST_DIGITS = 300
"""Of a number, its exponent applied: longer ones are none, since they would cost time and memory and answer nothing."""

_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-"))
_VULGAR = re.compile(r"[\u00bc-\u00be\u2150-\u215e\u2189]")
_LATEX_FRACTION = re.compile(r"\\[dtc]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_CURRENCY = "[$\u20ac\u00a3\u00a5\u20b9\u00a2]"


@dataclass(frozen=True)
class WrittenNumber:
    """A number in a text."""

    value: Fraction
    """What it is, exactly; a percentage is the number before the sign."""
    is_percent: bool
    """Whether a percent sign follows."""
    text: str
    """As it was written, sign and percent sign included."""


def plain(text: str) -> str:
    """Write numbers in one way: digits, signs and fractions of any script in ASCII, LaTeX's fractions with a slash.

    Args:
        text: Any text.
    """
    if not text.isascii():
        text = _VULGAR.sub(_with_slash, text.translate(_MINUS))
        # Superscripts are no digits, so that a square metre stays one.
        text = re.sub(r"[^\W0-9_a-zA-Z]", lambda found: _digit(found[0]), text)
    if "\\" not in text:
        return text
    text = _LATEX_FRACTION.sub(r"\1/\2", re.sub(r"(?<=\d)(?=\\[dtc]?frac)", " ", text))
    return re.sub(r"\\[$%,!;]|\{,\}", lambda found: {"{,}": ","}.get(found[0], found[0][1]), text)


def _with_slash(found: re.Match[str]) -> str:
    return " " + unicodedata.normalize("NFKC", found[0]).replace("\u2044", "/")


def _digit(character: str) -> str:
    return str(unicodedata.digit(character)) if character.isdecimal() else character


def find_numbers(text: str, decimal: Decimal = "point") -> list[WrittenNumber]:
    """Find the numbers of a text.

    Args:
        text: Any text, with units, currencies and sentences around the numbers.
        decimal: What stands before the decimals; the other one, a space or an apostrophe may part thousands.

    Returns:
        In their order: integers, decimals, powers as in ``1e3``, fractions as in ``3/4`` and ``1 1/2``. A minus is a sign
        where it touches the number and nothing that it could be subtracted from. Digits inside of words, and numbers of hundreds
        of digits, are none.
    """
    found = []
    for match in _pattern(decimal).finditer(plain(text)):
        value = _value(match, decimal)
        if value is not None:
            found.append(WrittenNumber(value, match["percent"] is not None, match[0]))
    return found


def read_number(text: str, decimal: Decimal = "point") -> WrittenNumber | None:
    """Read a text that gives one number.

    Args:
        text: As in ``$1,234.50 a year`` or ``9 * 2 = 18``.
        decimal: What stands before the decimals.

    Returns:
        The number behind the last equals sign, else the only one; None where there is none, or several that differ.
    """
    numbers = find_numbers(text.rpartition("=")[2], decimal) or find_numbers(text, decimal)
    distinct = {(number.value, number.is_percent) for number in numbers}
    return numbers[-1] if len(distinct) == 1 else None


def same_number(
    value: Fraction, reference: Fraction, *, absolute: float = 0.0, relative: float = 0.0
) -> bool:
    """Say whether a number is close enough to another.

    Args:
        value: The number.
        reference: What it ought to be.
        absolute: Largest difference that is none.
        relative: The same as a share of the reference.
    """
    # As they are written in decimals, so that a difference of exactly the tolerance is none.
    allowed = max(Fraction(str(absolute)), Fraction(str(relative)) * abs(reference))
    return abs(value - reference) <= allowed


@cache
def _pattern(decimal: Decimal) -> re.Pattern[str]:
    point, comma = (r"\.", ",") if decimal == "point" else (",", r"\.")
    parted = rf"[0-9]{{1,3}}(?:[{comma}\u00a0\u202f'\u2019][0-9]{{3}})+(?![0-9])"
    whole = rf"(?:{parted}|[0-9]+)"
    return re.compile(
        rf"""(?<![\w.^])(?:(?<![)\]}}])(?P<sign>[-+]))?{_CURRENCY}?(?:(?<![\w.^)\]}}])(?P<inner>[-+]))?
        (?:(?P<mixed>[0-9]{{1,9}})\s(?P<over>[0-9]{{1,9}})/(?P<under>[0-9]{{1,9}})
          |(?P<number>{whole}(?:{point}[0-9]+)?|{point}[0-9]+)(?:[eE](?P<power>[-+]?[0-9]+))?
           (?:/(?P<below>{whole}(?:{point}[0-9]+)?))?)
        (?:\s?(?P<percent>%))?""",
        flags=re.VERBOSE,
    )


def _value(match: re.Match[str], decimal: Decimal) -> Fraction | None:
    sign = -1 if "-" in {match["sign"], match["inner"]} else 1
    if match["mixed"] is not None:
        under = int(match["under"])
        return sign * (int(match["mixed"]) + Fraction(int(match["over"]), under)) if under else None
    number = _decimal(match["number"], decimal)
    below = Fraction(1) if match["below"] is None else _decimal(match["below"], decimal)
    power = match["power"] or "0"
    if number is None or not below or len(power) > len(str(MOST_DIGITS)) + 1:
        return None
    exponent = int(power)
    return (
        sign * number * Fraction(10) ** exponent / below if abs(exponent) <= MOST_DIGITS else None
    )


def _decimal(text: str, decimal: Decimal) -> Fraction | None:
    if len(text) > MOST_DIGITS:
        return None
    kept = "." if decimal == "point" else ","
    digits = re.sub(rf"[^0-9{kept}]", "", text).replace(kept, ".")
    return Fraction(f"0{digits}" if digits.startswith(".") else digits)
