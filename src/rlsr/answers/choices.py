"""Which of some options a text chooses."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple


def read_choice(
    text: str, labels: Sequence[str], options: Mapping[str, str] | None = None
) -> str | None:
    """Find out which option a text chooses.

    Args:
        text: As in ``The answer is (B).``, ``**b)** Paris`` or ``Paris``.
        labels: What options are called, as in A, B, C, or answer1, answer2; none of them twice, upper and lower case alike.
        options: The texts of the options by label, where they are known.

    Returns:
        The label, as in ``labels``: the last one that the text calls its answer; else the one that it consists of or begins
        with; else the one whose option it is; else the only one that stands in it as a label; else the one whose option it says. None where that is none, or
        several, so that naming all of them never pays.
    """
    read = _readers(tuple(labels))
    named = [*read.answer.finditer(text)]
    if named:
        return _label(named[-1], labels)
    alone = read.alone.match(text)
    if alone is not None:
        first_line = text.strip().partition("\n")[0]
        first = {_label(alone, labels), *_marked(read, first_line, labels)}
        return first.pop() if len(first) == 1 else None
    same = [label for label, option in (options or {}).items() if option.strip() == text.strip()]
    if len(same) == 1:
        return same[0]
    marked = _marked(read, text, labels)
    if marked:
        return marked.pop() if len(marked) == 1 else None
    return _by_text(text, options or {})


class _Readers(NamedTuple):
    answer: re.Pattern[str]
    alone: re.Pattern[str]
    marked: re.Pattern[str]


@lru_cache(maxsize=64)
def _readers(labels: tuple[str, ...]) -> _Readers:
    # The longest first, so that answer12 is not read as answer1.
    any_label = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))
    label = rf"(?<!\w)(?P<label>{any_label})(?!\w)"
    # A single letter may be a word of its own, as an article is, and then counts only where it is written as a label.
    exact = label if all(len(one) > 1 for one in labels) else rf"(?-i:{label})(?!['\u2019])"
    opening, closing = r"[(\[{*_`\"'\s]{0,6}", r"[)\]}*_`\"'\s]{0,6}"
    named = r"(?:answer|choice|option)(?:\s+(?:is|would\s+be|should\s+be|was)|\s*[:=])"
    another = rf"[)\]\s]*(?:[,/&]|and\b|or\b)\s*{opening}{exact.replace('?P<label>', '?:')}"
    end = rf"(?!{another})" + r"(?=[.,;:!)\]}*_`\"']|\s*$|\s*\n)"
    letters = rf"[(\[]\s?{exact}\s?[)\]]|\\(?:boxed|text)\{{\s?{exact.replace('?P<label>', '?P<boxed>')}\s?\}}"
    return _Readers(
        re.compile(
            rf"{named}\s*:?\s*(?:(?:option|choice|answer|letter)\s+)?{opening}(?:\\boxed\{{\s?)?{label}{end}",
            re.IGNORECASE,
        ),
        re.compile(rf"\s*{opening}{label}(?:{closing}\s*$|{closing}[.):]|[)\]:])", re.IGNORECASE),
        re.compile(letters if exact != label else label, re.IGNORECASE),
    )


def _marked(read: _Readers, text: str, labels: Sequence[str]) -> set[str]:
    return {_label(found, labels) for found in read.marked.finditer(text)}


def _label(found: re.Match[str], labels: Sequence[str]) -> str:
    groups = found.groupdict()
    written = (groups.get("label") or groups["boxed"]).casefold()
    return next(one for one in labels if one.casefold() == written)


def _by_text(text: str, options: Mapping[str, str]) -> str | None:
    """Find the only option that is said; one that stands inside of another that is said, too, is not said itself."""
    folded = _words(text)
    said = {label: _words(option) for label, option in options.items()}
    said = {
        label: words for label, words in said.items() if words and f" {words} " in f" {folded} "
    }
    whole = [
        label
        for label, words in said.items()
        if not any(words != other and f" {words} " in f" {other} " for other in said.values())
    ]
    return whole[0] if len(whole) == 1 else None


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
