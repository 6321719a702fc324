"""What two texts share letter by letter: character n-grams and numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rlsr.rewards.protocol import Scores

Integers = NDArray[np.int64]
Matches = tuple[Scores, Scores]
"""Precision, the share of each response that stands in its reference, and recall, the share of the reference that stands in
the response; both in [0, 1]."""

SHORTEST, LONGEST = 3, 6
"""Lengths of the character n-grams: single letters and pairs are shared by any two texts of a language."""

# The references of a rollout come back with each response to their prompt; one of 200 words takes some 0.1 MB.
_KEPT_PROFILES = 512

_WORD = re.compile(r"\w+(?:'\w+)?")
_LIST_MARKER = re.compile(r"^[ \t]*(?:\d+[.)]|step \d+:?)\s", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def character_overlap(
    responses: Sequence[str], references: Sequence[str], recall_weight: float = 1.5
) -> Scores:
    """Measure overlap in character n-grams of 3 to 6 characters; case, punctuation and layout do not count.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.
        recall_weight: Beta of the F-score, above 0: how many times as much as precision recall counts.

    Returns:
        Scores in [0, 1]: 1 for the same words, 0 where no n-gram is shared and for texts without a visible character.

    Source:
        Popovic 2015, "chrF: character n-gram F-score". Deviations: words joined by single spaces, spaces counted, case
        folded, orders 3 to 6 instead of 1 to 6, beta 1.5 instead of 2 (benchmarks/reward-quality.md says why).
    """
    return f_scores(character_matches(responses, references), recall_weight)


def f_scores(matches: Matches, recall_weight: float) -> Scores:
    """Combine precision and recall.

    Args:
        matches: Both, in [0, 1]; NaN is unscored and stays so.
        recall_weight: Beta of the F-score, above 0: how many times as much as precision recall counts.

    Returns:
        The weighted harmonic mean of both, in [0, 1]; 0 where both are 0.

    Source:
        van Rijsbergen 1979, "Information Retrieval".
    """
    precision, recall = matches
    weight = recall_weight**2
    below = weight * precision + recall
    above = (1 + weight) * precision * recall
    # Not `below > 0`: what is NaN has to stay so.
    return np.divide(above, below, out=np.zeros_like(below), where=below != 0)


def character_matches(responses: Sequence[str], references: Sequence[str]) -> Matches:
    """Measure what two texts share in character n-grams, as the overlap does, but each side apart.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.

    Returns:
        The shared n-grams as shares of the response's and of the reference's, each the mean over the orders.
    """
    rows = zip(responses, references, strict=True)
    found = np.array([_matches(*row) for row in rows], dtype=np.float64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def number_agreement(responses: Sequence[str], references: Sequence[str]) -> Scores:
    """Compare the sets of numbers of two texts; the markers of numbered lists are no numbers.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.

    Returns:
        (2 common + 1) / (numbers of the response + numbers of the reference + 1), in (0, 1]: 1 where the sets are equal,
        and where neither text has a number; the added ones keep a single missed number from counting as much as many.
    """
    agreement = []
    for response, reference in zip(responses, references, strict=True):
        ours, theirs = numbers(response), numbers(reference)
        agreement.append((2 * len(ours & theirs) + 1) / (len(ours) + len(theirs) + 1))
    return np.array(agreement, dtype=np.float64)


def numbers(text: str) -> frozenset[str]:
    """List the distinct numbers of a text in one spelling, so that 1,000.50 is 1000.5.

    Args:
        text: Any text.

    Returns:
        Digits with at most one dot, without zeros that say nothing.
    """
    found = (match.replace(",", "") for match in _NUMBER.findall(_LIST_MARKER.sub("", text)))
    return frozenset(map(_plain_number, found))


def words(text: str) -> list[str]:
    """Split a text into words.

    Args:
        text: Any text.

    Returns:
        Its words, case folded, without punctuation.
    """
    return _WORD.findall(text.casefold())


def _plain_number(digits: str) -> str:
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return digits.lstrip("0") or "0"


def _matches(response: str, reference: str) -> tuple[float, float]:
    profile = _profile(reference)
    characters = _characters(response)
    shared = profile.shared_counts(characters)
    orders = [order for order in range(SHORTEST, LONGEST + 1) if profile.total(order) > 0]
    if not orders:
        return 0.0, 0.0
    totals = {order: max(len(characters) - order + 1, 1) for order in orders}
    precision = sum(shared[order] / totals[order] for order in orders) / len(orders)
    recall = sum(shared[order] / profile.total(order) for order in orders) / len(orders)
    return precision, recall


def _characters(text: str) -> Integers:
    """Turn a text into the codes of its words with single spaces between and around; without words, of all of it."""
    line = f" {' '.join(words(text)) or text.strip()} "
    # UTF-32 is one number a character; lone surrogates are characters like others.
    codes = np.frombuffer(line.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    return codes.astype(np.int64)


@dataclass(frozen=True)
class _Profile:
    """The n-grams of a reference: for each order their sorted keys and how often each occurs.

    The key of an n-gram is the rank of its first n - 1 characters times the size of the alphabet, plus the rank of its
    last character. So keys are exact and small for any alphabet, and need no strings.
    """

    length: int
    keys: tuple[Integers, ...]
    counts: tuple[Integers, ...]

    def total(self, order: int) -> int:
        """Count the n-grams of one order."""
        return max(self.length - order + 1, 0)

    def shared_counts(self, characters: Integers) -> dict[int, int]:
        """Count for each order the n-grams that a text shares, each at most as often as it occurs here."""
        letters = _rank(self.keys[0], characters)
        ranks, shared = letters, {}
        for order in range(2, LONGEST + 1):
            ranks = _rank(self.keys[order - 1], _keys(ranks, letters, order, len(self.keys[0])))
            if order >= SHORTEST:
                counts = np.bincount(ranks[ranks >= 0], minlength=len(self.keys[order - 1]))
                shared[order] = int(np.minimum(counts, self.counts[order - 1]).sum())
        return shared


@lru_cache(maxsize=_KEPT_PROFILES)
def _profile(text: str) -> _Profile:
    characters = _characters(text)
    alphabet, letters, counts = np.unique(characters, return_inverse=True, return_counts=True)
    keys, occurrences, ranks = [alphabet], [counts], letters
    for order in range(2, LONGEST + 1):
        level, ranks, counts = np.unique(
            _keys(ranks, letters, order, len(alphabet)), return_inverse=True, return_counts=True
        )
        keys.append(level)
        occurrences.append(counts)
    return _Profile(len(characters), tuple(keys), tuple(occurrences))


def _keys(ranks: Integers, letters: Integers, order: int, alphabet: int) -> Integers:
    """Make the keys of all n-grams from the ranks of their beginnings; -1 where a part is unknown."""
    beginnings, ends = ranks[:-1], letters[order - 1 :]
    known = (beginnings >= 0) & (ends >= 0)
    return np.where(known, beginnings * alphabet + ends, -1)


def _rank(keys: Integers, values: Integers) -> Integers:
    """Find the place of each value in sorted keys; -1 where it is not among them."""
    if keys.size == 0:
        return np.full(len(values), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    ranks: Integers = np.where(keys[places] == values, places, -1)
    return ranks
