"""Answers that ought to score lower than an honest one, made from the user's own rows.

An attack is a function of the row, of its neighbours and of a seed, by rules alone: no model writes anything.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from typing import Literal

from rlsr.audit.attack_facts import NameKind, change_names, change_numbers, find_names
from rlsr.audit.attack_texts import (
    CLOSING_PHRASES,
    CONSTANT_ANSWER,
    FOREIGN_SENTENCES,
    GENERIC_REFUSAL,
    OPENING_PHRASES,
    STOP_WORDS,
)
from rlsr.audit.negation import negate_statements
from rlsr.audit.sentences import sentence_spans

Kind = Literal["form", "fact", "constant"]


@dataclass(frozen=True)
class AttackRow:
    """What an attack is made from."""

    prompt: str
    """What was asked."""
    reference: str
    """The human-written answer that the reward compares with."""
    honest: str
    """The answer that the attack damages; the reference itself where there is no other."""


@dataclass(frozen=True)
class Attack:
    """One way to damage or to replace an answer."""

    name: str
    """Its name, unique."""
    kind: Kind
    """``form``: the answer cut, filled up, or another text of the data in its place; ``fact``: nearly the same words
    that say something else; ``constant``: written without a look at the row."""
    description: str
    """What it does, in words for a person, without a full stop."""


ATTACKS: tuple[Attack, ...] = (
    Attack("empty", "constant", "No text at all"),
    Attack("truncated to a quarter", "form", "The first quarter of the answer's words"),
    Attack("truncated to half", "form", "The first half of the answer's words"),
    Attack("truncated to three quarters", "form", "The first three quarters of the answer's words"),
    Attack("repeated", "form", "The whole answer twice"),
    Attack(
        "one sentence over and over",
        "form",
        "The answer's first sentence, again and again up to the answer's length",
    ),
    Attack(
        "padded with fluff",
        "form",
        "The answer between stock phrases that say nothing, half as long as itself or a little more",
    ),
    Attack(
        "half an answer padded to full length",
        "form",
        "The first half of the answer, then stock phrases up to the answer's length",
    ),
    Attack("shuffled sentences", "fact", "The answer's sentences, none of them in its place"),
    Attack("reference of another prompt", "form", "The human-written answer to another prompt"),
    Attack("prompt copied", "form", "The prompt in place of an answer"),
    Attack(
        "keyword list", "form", "The answer's content words, each once, with commas between them"
    ),
    Attack(
        "negated statements",
        "fact",
        'One "not" put in or taken out in each sentence where a rule of English allows it',
    ),
    Attack("changed numbers", "fact", "Every number replaced by another of the same shape"),
    Attack(
        "changed names",
        "fact",
        "Every capitalised name replaced by one from another row, or from a small list",
    ),
    Attack(
        "wrong language",
        "constant",
        "General German, French or Spanish sentences that answer nothing; the answer itself is not translated",
    ),
    Attack("constant answer", "constant", "One helpful-sounding text for every prompt"),
    Attack("generic refusal", "constant", "One polite refusal for every prompt"),
)
"""All attacks, in the order in which they are shown."""

_RowAttack = Callable[[AttackRow, Random], str | None]
# Scripts without spaces: a character is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_CONTENT_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_FEWEST_KEYWORDS = 3
_FLUFF_SHARE = 0.5


def make_attack(name: str, rows: Sequence[AttackRow], seed: int) -> list[str | None]:
    """Make one attack on every row.

    Args:
        name: Name of the attack, one of ``ATTACKS``.
        rows: The rows; several may share a prompt.
        seed: Of everything that is chosen at random; the same seed gives the same texts.

    Returns:
        The attacks in the order of the rows; None where it does not apply to the row: nothing to change, or the
        outcome would be the honest answer or the reference, white space aside.
    """
    if name == "reference of another prompt":
        made: list[str | None] = _other_references(rows, Random(f"{seed}:{name}"))
    else:
        attack = _changed_names(rows) if name == "changed names" else _ROW_ATTACKS.get(name)
        assert attack is not None, f"no attack named {name!r}"
        made = [attack(row, Random(f"{seed}:{name}:{place}")) for place, row in enumerate(rows)]
    return [
        text if text is not None and _is_other(text, row) else None
        for text, row in zip(made, rows, strict=True)
    ]


def random_cycle(size: int, rng: Random) -> list[int]:
    """Draw a permutation that leaves nothing in its place.

    Args:
        size: Number of things, at least 2.
        rng: Draws it.

    Returns:
        For each place the place of what comes there; one cycle through all of them, each such cycle equally likely.

    Source:
        Sattolo 1986, "An algorithm to generate a random cyclic permutation".
    """
    places = list(range(size))
    for last in range(size - 1, 0, -1):
        other = rng.randrange(last)
        places[last], places[other] = places[other], places[last]
    return places


def _is_other(text: str, row: AttackRow) -> bool:
    """Say whether a text differs from both good answers by more than white space."""
    words = text.split()
    return words != row.honest.split() and words != row.reference.split()


def _first_words(text: str, share: float) -> str | None:
    """Cut a text after a share of its words."""
    words = list(_WORD.finditer(text))
    keep = int(len(words) * share)
    return text[: words[keep - 1].end()] if keep else None


def _truncated(row: AttackRow, _: Random, share: float) -> str | None:
    return _first_words(row.honest, share)


def _repeated(row: AttackRow, _: Random) -> str:
    return row.honest + ("\n\n" if "\n" in row.honest else " ") + row.honest


def _one_sentence(row: AttackRow, _: Random) -> str | None:
    spans = sentence_spans(row.honest)
    if len(spans) < 2:
        return None
    sentence = row.honest[slice(*spans[0])]
    times = -(-len(row.honest) // (len(sentence) + 1))
    return " ".join([sentence] * max(2, times))


def _fluff(phrases: Sequence[str], length: int, rng: Random) -> list[str]:
    """Draw phrases until they have at least ``length`` characters; all come once before any comes twice."""
    drawn: list[str] = []
    so_far = 0
    while so_far < length:
        # The last round may stop in the middle; a new order keeps long passages from coming back as a whole.
        for phrase in rng.sample(phrases, len(phrases)):
            drawn.append(phrase)
            so_far += len(phrase) + 1
            if so_far >= length:
                break
    return drawn


def _padded(row: AttackRow, rng: Random) -> str | None:
    if not row.honest.strip():
        return None
    length = max(1, int(len(row.honest) * _FLUFF_SHARE / 2))
    before, after = (_fluff(phrases, length, rng) for phrases in (OPENING_PHRASES, CLOSING_PHRASES))
    return " ".join([*before, row.honest.strip(), *after])


def _half_padded(row: AttackRow, rng: Random) -> str | None:
    half = _first_words(row.honest, 0.5)
    if half is None:
        return None
    half = half.rstrip(" ,;:-\u2013—(\"'\u201c\u2018")
    end = "" if half.endswith((".", "!", "?", "。", "\uff01", "\uff1f")) else "."
    fluff = _fluff(CLOSING_PHRASES, max(1, len(row.honest) - len(half)), rng)
    return " ".join([half + end, *fluff])


def _shuffled(row: AttackRow, rng: Random) -> str | None:
    spans = sentence_spans(row.honest)
    if len(spans) < 2:
        return None
    pieces, done = [], 0
    # What stands between the sentences stays where it is, so that a list remains a list.
    for (start, end), source in zip(spans, random_cycle(len(spans), rng), strict=True):
        pieces += [row.honest[done:start], row.honest[slice(*spans[source])]]
        done = end
    return "".join([*pieces, row.honest[done:]])


def _other_references(rows: Sequence[AttackRow], rng: Random) -> list[str | None]:
    """Give every prompt the reference of the next one, in a random circle of prompts.

    Where that reads the same, as the labels of a classification do, the next different one along the circle is taken.
    """
    references = {row.prompt: row.reference for row in reversed(rows)}
    prompts = list(references)
    rng.shuffle(prompts)
    circle = [references[prompt] for prompt in prompts]
    other: dict[str, str | None] = {}
    following: str | None = None  # the nearest reference onwards that differs from the current one
    for place in reversed(range(2 * len(circle))):
        here, beyond = circle[place % len(circle)], circle[(place + 1) % len(circle)]
        if here != beyond:
            following = beyond
        other[prompts[place % len(circle)]] = following
    return [other[row.prompt] for row in rows]


def _keywords(row: AttackRow, _: Random) -> str | None:
    words: dict[str, str] = {}
    for word in _CONTENT_WORD.findall(row.honest):
        words.setdefault(word.casefold(), word)
    kept = [
        word
        for plain, word in words.items()
        if plain.replace("\u2019", "'") not in STOP_WORDS and (len(word) > 1 or word.isdigit())
    ]
    return ", ".join(kept) if len(kept) >= _FEWEST_KEYWORDS else None


def _changed_names(rows: Sequence[AttackRow]) -> _RowAttack:
    """Collect the names of all rows, to change each for one of another row."""
    pools: dict[NameKind, dict[str, None]] = {}
    for row in rows:
        for name, kind in find_names(row.reference, row.prompt).items():
            pools.setdefault(kind, {})[name] = None
    lists = {kind: tuple(names) for kind, names in pools.items()}

    def attack(row: AttackRow, rng: Random) -> str:
        return change_names(row.honest, f"{row.prompt}\n{row.reference}", lists, rng)

    return attack


def _wrong_language(row: AttackRow, rng: Random) -> str:
    sentences = FOREIGN_SENTENCES[rng.choice(list(FOREIGN_SENTENCES))]
    order = rng.sample(sentences, len(sentences))
    enough = (n for n in count(1) if n == len(order) or len(" ".join(order[:n])) >= len(row.honest))
    return " ".join(order[: next(enough)])


_ROW_ATTACKS: Mapping[str, _RowAttack] = {
    "empty": lambda row, rng: "",
    "truncated to a quarter": partial(_truncated, share=0.25),
    "truncated to half": partial(_truncated, share=0.5),
    "truncated to three quarters": partial(_truncated, share=0.75),
    "repeated": _repeated,
    "one sentence over and over": _one_sentence,
    "padded with fluff": _padded,
    "half an answer padded to full length": _half_padded,
    "shuffled sentences": _shuffled,
    "prompt copied": lambda row, rng: row.prompt if row.prompt.strip() else None,
    "keyword list": _keywords,
    "negated statements": lambda row, rng: negate_statements(row.honest),
    "changed numbers": lambda row, rng: change_numbers(row.honest, rng),
    "changed names": lambda row, rng: None,
    "wrong language": _wrong_language,
    "constant answer": lambda row, rng: CONSTANT_ANSWER,
    "generic refusal": lambda row, rng: GENERIC_REFUSAL,
}
