"""These functions change the numbers and the names of a text, and nothing else."""

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from rlsr.auditing.attack_texts import (
    COMMANDS,
    FALLBACK_NAMES,
    NAME_CLASSES,
    NUMBER_WORD_CLASSES,
    STOP_WORDS,
)

# Digits inside a word (A4, H2O) belong to the word, and those that open a line as "1." or "step 1" number its items.
_NUMBER = re.compile(
    r"(?m:^[^\S\n]*+(?:step\s+)?\d{1,3}[.):]\s)|(?<!\w)(?P<number>\d+(?:[.,]\d+)*)(?P<ordinal>(?:st|nd|rd|th)\b)?"
    rf"|\b(?P<word>(?a:{'|'.join(word for words in NUMBER_WORD_CLASSES for word in words)}))\b",
    re.IGNORECASE,
)
# More digits than these keep their tail: nobody reads them, and int() refuses thousands of digits.
_MOST_DIGITS = 12

_MOST_CANDIDATES = 40

NameKind = tuple[int, bool]
"""What is known of a name: its number of words, and whether it looks like the name of a place."""
_BEFORE_PLACES = frozenset({"in", "at", "near", "across", "above", "below", "the"})

_LETTERS = [chr(code) for code in range(0x530)]
_UPPER = "".join(letter for letter in _LETTERS if letter.isupper())
_LOWER = "".join(letter for letter in _LETTERS if letter.islower())
_CAPITALISED = rf"[{_UPPER}][{_LOWER}]{{2,}}"
# After a small letter, a digit or a comma a capital letter is no start of a sentence.
_NAME = re.compile(
    rf"(?:(?P<inside>(?<=[{_LOWER}\d,;] ))|\b)(?P<name>{_CAPITALISED}(?: {_CAPITALISED})*)(?!\w)(?P<followed>(?= [{_LOWER}]))?"
)


def change_numbers(text: str, rng: Random) -> str:
    """Give every number another value of the same shape.

    Args:
        text: Any text; number words are found in English only.
        rng: The source of the random numbers by which values are chosen.

    Returns:
        The text with as many numbers as before, none of them with its old value; a number that comes twice has the same
        new value in both places, and list markers stay.
    """
    chosen: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        if match["number"]:
            number = chosen.setdefault(match["number"], _other_number(match["number"], rng))
            return number + (_ordinal(number) if match["ordinal"] else "")
        if match["word"]:
            # After a hyphen, as in "twenty-six", only a single digit reads well.
            word, start = match["word"], match.start()
            is_unit = start > 0 and text[start - 1] == "-"
            key = f"-{word.lower()}" if is_unit else word.lower()
            return _cased(word, chosen.setdefault(key, _other_word(word.lower(), is_unit, rng)))
        return match.group()

    return _NUMBER.sub(other, text)


def _other_number(number: str, rng: Random) -> str:
    """Choose a number of the same digits, separators and zeros at both ends, between half and twice the old one."""
    digits = "".join(character for character in number if character.isdigit())
    values = "".join(str(int(digit)) for digit in digits)
    core = values.strip("0")[:_MOST_DIGITS]
    start = values.find(core) if core else len(values) - 1
    new = values[:start] + _other_core(core, values, rng) + values[start + max(len(core), 1) :]
    places = iter(new)
    # The digits of other scripts stay in their script.
    return "".join(
        chr(ord(character) - int(character) + int(next(places)))
        if character.isdigit()
        else character
        for character in number
    )


def _other_core(core: str, values: str, rng: Random) -> str:
    """Choose the digits between the zeros."""
    if not core:
        return str(rng.randint(1, 9))
    old, lowest, highest = int(core), 10 ** (len(core) - 1), 10 ** len(core) - 1
    if core == values and 1000 <= old <= 2100:
        lowest, highest = max(lowest, old - 40), old + 40  # a year stays a year
    choices = range(max(lowest, old // 2), min(highest, 2 * old + 1) + 1)
    new = choices[rng.randrange(len(choices) - 1)]
    return str(choices[-1] if new == old else new)


def _ordinal(number: str) -> str:
    """Return the ending of an ordinal."""
    if number[-2:] in ("11", "12", "13"):
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th")


def _other_word(word: str, is_unit: bool, rng: Random) -> str:
    """Choose another number word of the same kind, and one below ten if the word is the unit of a longer number."""
    words: tuple[str, ...] = next(kind for kind in NUMBER_WORD_CLASSES if word in kind)
    if is_unit and "nine" in words:
        words = words[: words.index("nine") + 1]
    return rng.choice([other for other in words if other != word])


def _cased(model: str, word: str) -> str:
    """Write a word in capitals or with a capital letter, as another is written."""
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[:1].isupper() else word


def find_names(text: str, context: str = "") -> dict[str, NameKind]:
    """Find names by their capital letters in English; at the start of a sentence only what is a name elsewhere, too.

    Args:
        text: The text in which names are looked for.
        context: Further text; what is a name in mid-sentence there is one at the start of a sentence of ``text``, too.

    Returns:
        The kind of each name, by name, in the order of the text; weekdays, months and languages are left out.
    """
    found = _named_places(text, _known_words(text, context))
    return {
        name: _kind(text, start, name)
        for start, name in found
        if not any(_class_of(word) for word in name.split())
    }


def change_names(
    text: str, context: str, pools: Mapping[NameKind, Sequence[str]], rng: Random
) -> str:
    """Swap every name for another.

    Args:
        text: The text to damage.
        context: Further text by which names at the start of a sentence are recognised; its names are not used.
        pools: Names to choose from by kind; where none is left, a small list takes over.
        rng: The source of the random numbers by which names are chosen.

    Returns:
        The text with other names, where a name that comes twice is replaced by the same one; weekdays, months and
        languages are swapped for others of their kind.
    """
    known = _known_words(text, context)
    found = [name for source in (text, context) for _, name in _named_places(source, known)]
    own = {word for name in found for word in name.split()}
    chosen: dict[str, str] = {}
    pieces, done = [], 0
    for start, name in _named_places(text, known):
        if name not in chosen:
            taken = own | set(chosen.values())
            pool = pools.get(_kind(text, start, name), ())
            chosen[name] = _other_name(name, pool, taken, rng)
        pieces += [text[done:start], chosen[name]]
        done = start + len(name)
    return "".join([*pieces, text[done:]])


def _known_words(text: str, context: str) -> frozenset[str]:
    """Collect the words that are capitalised in mid-sentence."""
    return frozenset(
        word
        for source in (text, context)
        for match in _NAME.finditer(source)
        if match["inside"] is not None
        for word in match["name"].split()
    )


def _named_places(text: str, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Yield each name with its place, without the common word that a sentence begins with."""
    for match in _NAME.finditer(text):
        start, name = match.start("name"), match["name"]
        first, _, rest = name.partition(" ")
        if match["inside"] is None and first not in known:
            if first.lower() in STOP_WORDS | COMMANDS:
                start, name = start + len(first) + 1, rest
            elif not rest or match["followed"] is None:
                continue  # a common word, or a heading
        if name and (name.lower() not in STOP_WORDS or _class_of(name)):  # "May" is both
            yield start, name


def _kind(text: str, start: int, name: str) -> NameKind:
    """Tell the names of places, by the word before them, from those of people, and count their words."""
    before = re.findall(r"\w+", text[max(0, start - 12) : start])
    return len(name.split()), bool(before) and before[-1].lower() in _BEFORE_PLACES


def _class_of(name: str) -> tuple[str, ...]:
    """Find the weekdays, months or languages that a name is one of; "Mondays" is one too."""
    return next(
        (kind for kind in NAME_CLASSES if name in kind or name.removesuffix("s") in kind), ()
    )


def _other_name(name: str, pool: Sequence[str], taken: set[str], rng: Random) -> str:
    """Choose a name that does not occur in the text yet: one of the same kind, or of as many words, if there is one."""
    kind = _class_of(name)
    if kind:
        others = [other for other in kind if other not in (name, name.removesuffix("s"))]
        free = [other for other in others if not {other, other + "s"} & taken]
        other = rng.choice(free or others)
        return other + "s" if name not in kind else other
    some = rng.sample(pool, min(len(pool), _MOST_CANDIDATES))
    free = [other for other in some if other not in taken and not taken & set(other.split())]
    if not free:
        words = len(name.split())
        fallback = [other for other in FALLBACK_NAMES if other not in taken and other != name]
        free = [other for other in fallback if len(other.split()) == words] or fallback
    return rng.choice(free or [other for other in FALLBACK_NAMES if other != name])
