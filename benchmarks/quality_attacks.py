"""Damage done to good answers: a similarity should rank the undamaged answer of the same prompt higher."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from quality_data import Group, Half

CORE = (
    "first quarter", "first half", "three quarters", "said twice", "one sentence over and over", "padded",
    "another answer appended", "words shuffled", "reference of another prompt", "prompt copied", "keywords", "refusal",
    "constant answer", "half and filler", "filler alone",
)  # fmt: skip
FACTS = ("sentences shuffled", "negated", "numbers changed", "names changed")
HONEST = "honest"

_ROWS_PER_HALF = 25
_MIN_WORDS = 12
_STOP_WORDS = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "and",
        "or",
        "to",
        "in",
        "on",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "with",
        "for",
        "as",
        "at",
        "by",
        "from",
        "i",
        "you",
        "he",
        "she",
        "they",
        "we",
        "your",
        "my",
        "their",
        "our",
        "his",
        "her",
        "not",
        "no",
        "do",
        "does",
        "did",
        "so",
        "if",
        "then",
        "than",
        "there",
        "here",
        "have",
        "has",
        "had",
        "will",
        "would",
        "can",
        "could",
        "should",
        "may",
        "might",
        "must",
        "but",
        "about",
        "into",
        "over",
    ]
)
_FILLER = (
    "That is a great question, and I am happy to help with it.",
    "There are many things to consider here, and it is important to keep an open mind.",
    "In general, it always depends on the particular situation and on what you want to achieve.",
    "I hope this helps, and please let me know if you would like any further details.",
    "As with everything in life, taking the time to think carefully will lead to better results.",
    "Remember that every case is different and that learning is a continuous process.",
    "Overall, this is a fascinating topic which deserves close attention.",
)
_REFUSAL = "I'm sorry, but as an AI language model I am not able to help with that request."
_CONSTANT = (
    "Here is a helpful, clear and complete answer to your question. First, consider the main points. Second, think about "
    "the details. Finally, put everything together and review the result."
)
_NAMES = [
    "Gregory",
    "Lisbon",
    "Nakamura",
    "Denver",
    "Fiona",
    "Argentina",
    "Samsung",
    "Mozart",
    "Ottawa",
    "Priya",
    "Carter",
    "Helsinki",
    "Toyota",
    "Beatrice",
    "Kenya",
    "Oregon",
    "Darwin",
    "Munich",
    "Elena",
    "Boeing",
]


@dataclass(frozen=True)
class AttackedRow:
    """One prompt with an honest answer and what became of it."""

    half: Half
    """A for choosing, B for judging."""
    source: str
    """The set it comes from."""
    id: str
    """Names the prompt, as its group does."""
    reference: str
    """What answers are compared to."""
    answers: dict[str, str]
    """By attack; ``honest`` is the undamaged answer."""


def attacked_rows(groups: Sequence[Group]) -> list[AttackedRow]:
    """Attack the honest answers of 25 prompts a set and half.

    Args:
        groups: All groups.

    Returns:
        One row a prompt.
    """
    rows: list[AttackedRow] = []
    for source, honest in (
        ("gsm8k", _last_right), ("self_instruct", _davinci_003), ("vicuna", _vicuna_13b), ("arena", _gpt_4)
    ):  # fmt: skip
        found = [
            (group, text) for group in groups if group.source == source and (text := honest(group))
        ]
        for half in ("A", "B"):
            chosen = [pair for pair in found if pair[0].half == half][:_ROWS_PER_HALF]
            for place, (group, text) in enumerate(chosen):
                other = chosen[(place + 1) % len(chosen)]
                answers = _attacks(group, text, other, seed=place)
                _add_filler(answers, group.reference, start=len(rows))
                rows.append(AttackedRow(group.half, source, group.id, group.reference, answers))
    return rows


def _last_right(group: Group) -> str | None:
    right = [text for text, label in zip(group.responses, group.labels, strict=True) if label]
    return right[-1] if right else None


def _davinci_003(group: Group) -> str | None:
    text = group.responses[group.names.index("text-davinci-003")]
    long = len(text.split()) >= _MIN_WORDS and len(group.reference.split()) >= _MIN_WORDS
    return text if long else None


def _vicuna_13b(group: Group) -> str | None:
    # The group whose reference is gpt35: there alone vicuna-13b is an answer and bard is one too.
    if "vicuna-13b" not in group.names or "bard" not in group.names:
        return None
    return group.responses[group.names.index("vicuna-13b")]


def _gpt_4(group: Group) -> str | None:
    # Of the arena only what was drawn first has rows here: 25 a half, so the order of the groups decides.
    return group.responses[0] if group.responses[0].strip() else None


def _attacks(group: Group, text: str, other: tuple[Group, str], seed: int) -> dict[str, str]:
    parts = text.split(" ")
    made: dict[str, str | None] = {
        "empty": "",
        "first quarter": " ".join(parts[: len(parts) // 4]),
        "first half": " ".join(parts[: len(parts) // 2]),
        "three quarters": " ".join(parts[: 3 * len(parts) // 4]),
        "said twice": f"{text}\n{text}",
        "one sentence over and over": _looped(text),
        "padded": _padded(text),
        "another answer appended": f"{text}\n\n{other[1]}",
        "sentences shuffled": _shuffled(_sentences(text), "\n", seed)
        if len(_sentences(text)) > 2
        else None,
        "words shuffled": _shuffled(text.split(), " ", seed) if len(text.split()) > 5 else None,
        "reference of another prompt": other[0].reference,
        "prompt copied": group.prompt or None,
        "keywords": _keywords(text),
        "negated": _negated(text),
        "numbers changed": _numbers_changed(text),
        "names changed": _names_changed(text),
        "refusal": _REFUSAL,
        "constant answer": _CONSTANT,
    }
    damaged = {
        name: made_text
        for name, made_text in made.items()
        if made_text is not None and made_text != text
    }
    return {HONEST: text, **damaged}


def _add_filler(answers: dict[str, str], reference: str, start: int) -> None:
    """Add the half answer filled up to the reference's length with stock phrases, and phrases alone."""
    half = answers["first half"]
    words = len(reference.split())
    answers["half and filler"] = _filled(half, max(words, len(half.split()) + 1), start)
    answers["filler alone"] = _filled("", max(words, 5), start)


def _filled(text: str, num_words: int, start: int) -> str:
    place = start
    while len(text.split()) < num_words:
        text = f"{text} {_FILLER[place % len(_FILLER)]}".strip()
        place += 1
    return text


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]


def _looped(text: str) -> str | None:
    sentences = _sentences(text)
    if not sentences:
        return None
    first = sentences[0]
    return " ".join([first] * max(2, -(-len(text) // len(first))))


def _padded(text: str) -> str:
    size = max(1, len(text.split()) // 25)
    phrases = _FILLER * 9
    before, after = phrases[: min(size, 7) // 2 + 1], phrases[3 : 3 + min(size, 14)]
    return " ".join([*before, text, *after])


def _shuffled(parts: Sequence[str], separator: str, seed: int) -> str | None:
    mixed = list(parts)
    random.Random(seed).shuffle(mixed)
    return separator.join(mixed) if mixed != list(parts) else None


def _keywords(text: str) -> str:
    found = dict.fromkeys(re.findall(r"[A-Za-z0-9']+", text))
    first: dict[str, str] = {}
    for word in found:
        if word.lower() not in _STOP_WORDS:
            first.setdefault(word.lower(), word)
    return ", ".join(first.values())


def _negated(text: str) -> str | None:
    verbs = "is are was were can will should has have had does do would could may might must"
    pattern = rf"\b({verbs.replace(' ', '|')})\b(?!\s+not|n't)"
    changed = re.sub(pattern, r"\1 not", text)
    return changed if changed != text else None


def _numbers_changed(text: str) -> str | None:
    draw = random.Random(len(text))

    def change(match: re.Match[str]) -> str:
        return "".join(
            str((int(character) + draw.randint(1, 8)) % 10) if character.isdigit() else character
            for character in match.group()
        )

    changed = re.sub(r"\d[\d,.]*\d|\d", change, text)
    return changed if changed != text else None


def _names_changed(text: str) -> str | None:
    draw = random.Random(len(text))
    known: dict[str, str] = {}

    def change(match: re.Match[str]) -> str:
        if match[2] not in known:
            known[match[2]] = draw.choice(_NAMES)
        return match[1] + known[match[2]]

    changed = re.sub(r'((?<![.!?:*])(?<!\n)[a-z,;)"] )([A-Z][a-z]{2,})', change, text)
    return changed if changed != text else None
