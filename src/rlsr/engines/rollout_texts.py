"""What the responses of a step look like as texts, whatever they are rewarded for: repetition, copying, sameness."""

import math
from collections.abc import Sequence
from itertools import combinations, groupby

import numpy as np

from rlsr.data.record import PromptRecord
from rlsr.rewards.lexical import character_overlap
from rlsr.rewards.repetition import longest_repeat, shares_longer_than
from rlsr.runs.step_metrics import (
    ALIKE_ACROSS,
    ALIKE_WITHIN,
    COPIED,
    LONGEST_REPEAT,
    OVERLAP,
    REPETITIVE,
)

SHORTEST = 20
"""Characters from which on a text can be called a copy of another, or a loop: short answers are alike by chance."""
REPEATED = 0.4
"""Share of a response from which on its longest repeated passage makes it repetitive: what says everything twice, with a few words
around, repeats nearly half of itself."""
LONG_PASSAGE = 0.5
"""Share of a response from which on a passage of the prompt is most of it."""
NEARLY_THE_SAME = 0.8
"""Share of common n-grams of two texts: some ten words are written by changing one of them."""
_NGRAM = 5
_MOST_GROUPS = 32
"""Of a larger step the first groups stand for the others: pairs grow with the square."""

Grams = frozenset[str]


def text_metrics(records: Sequence[PromptRecord], responses: Sequence[str]) -> dict[str, float]:
    """Summarise the texts of a step.

    Args:
        records: What each response answers; the responses to a prompt stand next to each other.
        responses: What the policy wrote, in the same order, not empty.

    Returns:
        Shares in [0, 1] by column; NaN where there are no two texts to compare.
    """
    repeats = [_share(longest_repeat(text), text) for text in responses]
    loops = [
        repeat >= REPEATED and len(text) >= SHORTEST
        for repeat, text in zip(repeats, responses, strict=True)
    ]
    groups = [
        [responses[place] for place in places]
        for _, places in groupby(range(len(records)), key=lambda place: records[place].messages)
    ]
    first_records = [
        next(group) for _, group in groupby(records, key=lambda record: record.messages)
    ]
    references = [record.reference for record in records]
    return {
        LONGEST_REPEAT: float(np.mean(repeats)),
        REPETITIVE: float(np.mean(loops)),
        COPIED: float(np.mean(list(map(copies_prompt, records, responses)))),
        ALIKE_WITHIN: share_alike_within(groups),
        ALIKE_ACROSS: share_alike_across(first_records, [group[0] for group in groups]),
        OVERLAP: float(character_overlap(responses, references).mean()),
    }


def copies_prompt(record: PromptRecord, response: str) -> bool:
    """Say whether most of a response is one passage of its prompt, and its references are not.

    Args:
        record: What was asked; a task of editing has references that copy as well.
        response: The policy's answer.
    """

    def copies(text: str) -> bool:
        shortest = max(SHORTEST, math.ceil(LONG_PASSAGE * len(text)))
        return shares_longer_than(record.prompt, text, shortest - 1)

    return copies(response) and not any(map(copies, record.references))


def share_alike_within(groups: Sequence[Sequence[str]]) -> float:
    """Measure how many pairs of responses to the same prompt are nearly the same text.

    Args:
        groups: The responses to each prompt.

    Returns:
        A share in [0, 1] of the pairs of long enough texts; NaN where there are none.
    """
    pairs = [
        pair for group in groups[:_MOST_GROUPS] for pair in combinations(map(_grams, group), 2)
    ]
    return _share_of_pairs(pairs)


def share_alike_across(records: Sequence[PromptRecord], responses: Sequence[str]) -> float:
    """Measure how many pairs of responses to different prompts are nearly the same text, and their references are not.

    Args:
        records: Different prompts.
        responses: One to each of them.

    Returns:
        A share in [0, 1] of the pairs of long enough texts; NaN where there are none.
    """
    answers = list(map(_grams, responses[:_MOST_GROUPS]))
    wanted = [_grams(record.reference) for record in records[:_MOST_GROUPS]]
    pairs = [
        (answers[one], answers[other])
        for one, other in combinations(range(len(answers)), 2)
        if not _alike(wanted[one], wanted[other])
    ]
    return _share_of_pairs(pairs)


def _share_of_pairs(pairs: Sequence[tuple[Grams, Grams]]) -> float:
    told = [_alike(*pair) for pair in pairs if all(pair)]
    return float(np.mean(told)) if told else float("nan")


def _alike(one: Grams, other: Grams) -> bool:
    common = len(one & other)
    return common > 0 and common >= NEARLY_THE_SAME * (len(one) + len(other) - common)


def _grams(text: str) -> Grams:
    """List the n-grams of a text without its case and layout; none of a short one."""
    plain = " ".join(text.casefold().split())
    if len(plain) < SHORTEST:
        return frozenset()
    return frozenset(plain[start : start + _NGRAM] for start in range(len(plain) - _NGRAM + 1))


def _share(length: int, text: str) -> float:
    return length / len(text) if text else 0.0
