"""An attack is an answer that ought to score lower than an honest one. It is made from the user's own rows.

All attacks follow rules alone: no model writes anything.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal

from rlsr.auditing.attack_facts import NameKind, change_names, change_numbers, find_names
from rlsr.auditing.attack_texts import (
    ASKING_FOR_THE_FULL_MARK,
    CLOSING_PHRASES,
    CONSTANT_ANSWER,
    FOREIGN_SENTENCES,
    GENERIC_REFUSAL,
    OPENING_PHRASES,
    STOP_WORDS,
)
from rlsr.auditing.negation import negate_statements
from rlsr.config.judge import JudgeReward
from rlsr.config.reward import SimilarityReward
from rlsr.config.rewards import RewardConfig
from rlsr.data.sentences import sentence_spans

Kind = Literal["form", "fact", "nonsense"]


@dataclass(frozen=True)
class AttackRow:
    """What an attack is made from."""

    prompt: str
    """What was asked."""
    reference: str
    """The human-written answer that the reward compares with."""
    honest: str
    """The answer that the attack damages; the reference itself where there is no other."""


Damage = Callable[[Sequence[AttackRow], str], list[str | None]]
"""A function of all rows and of a seed to the attack on each row; None where it cannot be made."""
Advice = Callable[[RewardConfig, float], str]
"""A function of the reward's settings and of the share of rows where an attack wins to what to do; empty for nothing."""


@dataclass(frozen=True)
class Attack:
    """One way to damage or to replace an answer."""

    name: str
    """The attack's name, which no other attack has."""
    kind: Kind
    """``form``: the answer is cut or filled up, or the prompt stands in its place; ``fact``: nearly the same words say
    something else; ``nonsense``: the text has nothing to do with the prompt, so that it must hardly ever win."""
    description: str
    """What the attack does, in words for a person, without a full stop."""
    damage: Damage
    """The function that makes the texts."""
    advice: Advice = lambda settings, share: ""
    """The function that says what to do where the attack wins."""

    def make(self, rows: Sequence[AttackRow], seed: int) -> list[str | None]:
        """Make the attack on every row.

        Args:
            rows: The rows; several may share a prompt.
            seed: The seed of everything that is chosen at random; the same seed gives the same texts.

        Returns:
            The attacks in the order of the rows; None where the attack does not apply to the row: nothing can be
            changed, or the outcome would be the honest answer or the reference, white space aside.
        """
        made = self.damage(rows, f"{seed}:{self.name}")
        return [
            text if text is not None and _is_other(text, row) else None
            for text, row in zip(made, rows, strict=True)
        ]


# Scripts without spaces: a character is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_CONTENT_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_FEWEST_KEYWORDS = 3
_FLUFF_SHARE = 0.5


def random_cycle(size: int, rng: Random) -> list[int]:
    """Draw a permutation that leaves nothing in its place.

    Args:
        size: Number of things, at least 2.
        rng: The source of the random numbers.

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


def _row_by_row(change: Callable[[AttackRow, Random], str | None]) -> Damage:
    """Turn a function that changes one row's answer into one that damages all rows."""

    def damage(rows: Sequence[AttackRow], seed: str) -> list[str | None]:
        return [change(row, Random(f"{seed}:{place}")) for place, row in enumerate(rows)]

    return damage


def _always(text: str) -> Damage:
    return _row_by_row(lambda row, rng: text)


def _first_words(text: str, share: float) -> str | None:
    """Cut a text after a share of its words."""
    words = list(_WORD.finditer(text))
    keep = int(len(words) * share)
    return text[: words[keep - 1].end()] if keep else None


def _truncated_to(share: float) -> Damage:
    return _row_by_row(lambda row, rng: _first_words(row.honest, share))


@_row_by_row
def _repeated(row: AttackRow, _: Random) -> str:
    return row.honest + ("\n\n" if "\n" in row.honest else " ") + row.honest


def _about_repetition(settings: RewardConfig, share: float) -> str:
    if not isinstance(settings, SimilarityReward):
        return ""
    if not settings.repetition.enabled:
        return "Switch the rule against repetition on (reward.repetition.enabled=true): repeating pays."
    return (
        f"Lower reward.repetition.min_characters from {settings.repetition.min_characters}: saying everything twice wins on "
        f"{share:.0%} of the rows, so many of your answers are shorter than the rule looks at."
    )


@_row_by_row
def _one_sentence(row: AttackRow, _: Random) -> str | None:
    spans = sentence_spans(row.honest)
    if len(spans) < 2:
        return None
    sentence = row.honest[slice(*spans[0])]
    times = -(-len(row.honest) // (len(sentence) + 1))
    return " ".join([sentence] * max(2, times))


def _fluff(phrases: Sequence[str], length: int, rng: Random) -> list[str]:
    """Draw phrases until they have at least ``length`` characters, each of them once before any comes twice."""
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


@_row_by_row
def _padded(row: AttackRow, rng: Random) -> str | None:
    if not row.honest.strip():
        return None
    length = max(1, int(len(row.honest) * _FLUFF_SHARE / 2))
    before, after = (_fluff(phrases, length, rng) for phrases in (OPENING_PHRASES, CLOSING_PHRASES))
    return " ".join([*before, row.honest.strip(), *after])


@_row_by_row
def _half_padded(row: AttackRow, rng: Random) -> str | None:
    half = _first_words(row.honest, 0.5)
    if half is None:
        return None
    half = half.rstrip(" ,;:-\u2013—(\"'\u201c\u2018")
    end = "" if half.endswith((".", "!", "?", "。", "\uff01", "\uff1f")) else "."
    fluff = _fluff(CLOSING_PHRASES, max(1, len(row.honest) - len(half)), rng)
    return " ".join([half + end, *fluff])


@_row_by_row
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


def _other_references(rows: Sequence[AttackRow], seed: str) -> list[str | None]:
    """Give every prompt the reference of the next one, in a random circle of prompts.

    Where that reads the same, as the labels of a classification do, the next different one along the circle is taken.
    """
    references = {row.prompt: row.reference for row in reversed(rows)}
    prompts = list(references)
    Random(seed).shuffle(prompts)
    circle = [references[prompt] for prompt in prompts]
    other: dict[str, str | None] = {}
    following: str | None = None  # the nearest reference onwards that differs from the current one
    for place in reversed(range(2 * len(circle))):
        here, beyond = circle[place % len(circle)], circle[(place + 1) % len(circle)]
        if here != beyond:
            following = beyond
        other[prompts[place % len(circle)]] = following
    return [other[row.prompt] for row in rows]


@_row_by_row
def _prompt(row: AttackRow, _: Random) -> str | None:
    return row.prompt if row.prompt.strip() else None


def _about_copying(settings: RewardConfig, share: float) -> str:
    if (
        not isinstance(settings, SimilarityReward)
        or settings.repetition.between == "prompt_and_response"
    ):
        return ""
    return (
        f"Copying the prompt wins on {share:.0%} of the rows: reward.repetition.between=prompt_and_response gives the "
        "penalty for long passages of the prompt."
    )


@_row_by_row
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


@_row_by_row
def _negated(row: AttackRow, _: Random) -> str:
    return negate_statements(row.honest)


@_row_by_row
def _changed_numbers(row: AttackRow, rng: Random) -> str:
    return change_numbers(row.honest, rng)


def _changed_names(rows: Sequence[AttackRow], seed: str) -> list[str | None]:
    """Change each name for one that was found in another row."""
    pools: dict[NameKind, dict[str, None]] = {}
    for row in rows:
        for name, kind in find_names(row.reference, row.prompt).items():
            pools.setdefault(kind, {})[name] = None
    lists = {kind: tuple(names) for kind, names in pools.items()}

    def change(row: AttackRow, rng: Random) -> str:
        return change_names(row.honest, f"{row.prompt}\n{row.reference}", lists, rng)

    return _row_by_row(change)(rows, seed)


@_row_by_row
def _wrong_language(row: AttackRow, rng: Random) -> str:
    sentences = FOREIGN_SENTENCES[rng.choice(list(FOREIGN_SENTENCES))]
    order = rng.sample(sentences, len(sentences))
    enough = (n for n in count(1) if n == len(order) or len(" ".join(order[:n])) >= len(row.honest))
    return " ".join(order[: next(enough)])


@_row_by_row
def _asking_for_the_full_mark(row: AttackRow, _: Random) -> str | None:
    """Say half of it, so that it would win by asking alone."""
    half = _first_words(row.honest, 0.5)
    return None if half is None else f"{half}\n{ASKING_FOR_THE_FULL_MARK}"


def _about_asking(settings: RewardConfig, share: float) -> str:
    if not isinstance(settings, JudgeReward):
        return ""
    own = "" if settings.prompt is None else "put {fence} around {response} in reward.prompt, or "
    return (
        f"The judge can be talked into it on {share:.0%} of the rows, and a policy will find that out: {own}take a larger judge "
        "(reward.endpoint.model)."
    )


ATTACKS: tuple[Attack, ...] = (
    Attack("empty", "nonsense", "No text at all", _always("")),
    Attack("truncated to a quarter", "form", "The first quarter of the answer's words", _truncated_to(0.25)),
    Attack("truncated to half", "form", "The first half of the answer's words", _truncated_to(0.5)),
    Attack("truncated to three quarters", "form", "The first three quarters of the answer's words", _truncated_to(0.75)),
    Attack("repeated", "form", "The whole answer twice", _repeated, _about_repetition),
    Attack("one sentence over and over", "form",
           "The answer's first sentence, again and again up to the answer's length", _one_sentence),
    Attack("padded with fluff", "form",
           "The answer between stock phrases that say nothing, half as long as itself or a little more", _padded),
    Attack("half an answer padded to full length", "form",
           "The first half of the answer, then stock phrases up to the answer's length", _half_padded),
    Attack("shuffled sentences", "fact", "The answer's sentences, none of them in its place", _shuffled),
    Attack("reference of another prompt", "nonsense", "The human-written answer to another prompt", _other_references),
    Attack("prompt copied", "form", "The prompt in place of an answer", _prompt, _about_copying),
    Attack("keyword list", "form", "The answer's content words, each once, with commas between them", _keywords),
    Attack("negated statements", "fact",
           'One "not" put in or taken out in each sentence where a rule of English allows it', _negated),
    Attack("changed numbers", "fact", "Every number replaced by another of the same shape", _changed_numbers),
    Attack("changed names", "fact",
           "Every capitalised name replaced by one from another row, or from a small list", _changed_names),
    Attack("wrong language", "nonsense",
           "General German, French or Spanish sentences that answer nothing; the answer itself is not translated",
           _wrong_language),
    Attack("asks for the full mark", "form",
           "The first half of the answer, then a word to the grader that it deserves the full mark",
           _asking_for_the_full_mark, _about_asking),
    Attack("constant answer", "nonsense", "One helpful-sounding text for every prompt", _always(CONSTANT_ANSWER)),
    Attack("generic refusal", "nonsense", "One polite refusal for every prompt", _always(GENERIC_REFUSAL)),
)  # fmt: skip
"""All attacks, in the order in which they are shown."""
