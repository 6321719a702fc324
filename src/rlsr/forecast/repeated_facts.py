"""Does an answer say the same twice, as in "has a low rating and is rated low"? A cosine does not punish that."""

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

_JOINT = re.compile(
    r"""[.!?\u2026,;:]+["'\u201d\u2019)\]]*(?=\s)|[\n()\u2013\u2014]|\b(?:and|but|or|while|which|who|with)\b""",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")

SHORTEST_WORD = 4
"""Shorter words, numbers aside, say how facts hang together and not what they are."""
LEAST_WORDS = 2
"""A clause with fewer words is no fact; a list of single words would repeat itself otherwise."""


def repeated_facts(text: str) -> float:
    """Measure how much of a clause stands in another clause of the same answer.

    Clauses end at ``. ! ? , ; :`` before white space, at line breaks, brackets and dashes, and at the words and, but, or, while,
    which, who and with. A clause counts with its set of words of at least four letters or with a digit, lower case, if these are at
    least two. The overlap of two clauses is the number of words that both have over the number of the smaller one's.

    Args:
        text: An answer, in a language that puts spaces between words.

    Returns:
        The largest overlap of two clauses, in [0, 1]; 0 where there are fewer than two.
    """
    clauses = [words for words in map(_words, _JOINT.split(text)) if len(words) >= LEAST_WORDS]
    return max(
        (len(one & other) / min(len(one), len(other)) for one, other in combinations(clauses, 2)),
        default=0.0,
    )


def repeated_facts_of(texts: Sequence[str]) -> NDArray[np.float64]:
    """Measure several answers.

    Args:
        texts: The answers.

    Returns:
        One number an answer, in [0, 1].
    """
    return np.array([repeated_facts(text) for text in texts], dtype=np.float64)


def _words(clause: str) -> frozenset[str]:
    return frozenset(
        word
        for word in _WORD.findall(clause.lower())
        if len(word) >= SHORTEST_WORD or any(letter.isdigit() for letter in word)
    )
