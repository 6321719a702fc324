"""Does a text repeat a long passage? Exact, and linear in the length of the text.

The question for a threshold is easier than the longest repeated passage: a passage longer than n characters occurs
twice exactly when one of n + 1 characters does. All windows of that length get a rolling hash, computed for the whole
text at once; windows that share a hash are compared character by character, so that a chance collision costs time and
never gives a wrong answer.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.config.reward import RepetitionConfig

Hashes = NDArray[np.int64]
Span = tuple[int, int]

# Primes below 2**31: products of two residues stay below 2**63.
_MODULI = (2_147_483_647, 2_147_483_629)
_BASES = (1_000_003_957, 1_469_598_103)


def repeats_longer_than(text: str, length: int) -> bool:
    """Say whether a passage of more than ``length`` characters occurs at least twice; occurrences may overlap.

    Args:
        text: Any text.
        length: Threshold in characters, at least 0.

    Returns:
        True if such a passage exists.
    """
    window = length + 1
    hashes = _window_hashes(text, window)
    return any(
        len({text[start : start + window] for start in group}) < len(group)
        for group in _groups_of_equal(hashes)
    )


def shares_longer_than(first: str, second: str, length: int) -> bool:
    """Say whether a passage of more than ``length`` characters occurs in both texts.

    Args:
        first: Any text.
        second: Any text.
        length: Threshold in characters, at least 0.

    Returns:
        True if such a passage exists.
    """
    window = length + 1
    # Hashes of one text can be compared with each other, so both texts are hashed as one; the windows across the border
    # belong to neither.
    together = _window_hashes(first + second, window)
    hashes = together[: max(len(first) - window + 1, 0)]
    others = together[len(first) :]
    common = np.intersect1d(hashes, others)
    if common.size == 0:
        return False
    passages = {first[start : start + window] for start in np.flatnonzero(np.isin(hashes, common))}
    candidates = np.flatnonzero(np.isin(others, common))
    return any(second[start : start + window] in passages for start in candidates)


def longest_repeat(text: str) -> int:
    """Find how long the longest passage is that stands twice in a text; the two places may overlap.

    Args:
        text: Any text.

    Returns:
        Its characters; 0 where no character comes twice.
    """

    def stands_twice(length: int) -> bool:
        count = len(text) - length + 1
        return len({text[start : start + length] for start in range(count)}) < count

    # Doubling first: most texts repeat a few words, and windows that short are soon compared.
    low, high = 0, 1
    while high < len(text) and stands_twice(high):
        low, high = high, 2 * high
    high = min(high, max(len(text), 1))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if stands_twice(middle) else (low, middle)
    return low


def breaks_repetition_rule(
    config: RepetitionConfig, *, prompt: str, response: str, reference: str
) -> bool:
    """Apply the rule of the config to one response.

    Args:
        config: Which passages count, and how long they may be.
        prompt: What was asked; looked at only when the rule is between prompt and response.
        response: What the policy wrote.
        reference: Its length in characters sets the relative threshold.

    Returns:
        True if the response gets the penalty.

    Source:
        The rule as this project states it; that its wording is not visible in the public text of
        arXiv 2510.14200 is recorded in docs/papers.md.
    """
    if not config.enabled:
        return False
    length = _longest_allowed(config, reference)
    if config.between == "response":
        return repeats_longer_than(response, length)
    return shares_longer_than(prompt, response, length)


def repeated_spans(
    config: RepetitionConfig, *, prompt: str, response: str, reference: str
) -> tuple[Span, ...]:
    """Find the passage for which a response breaks the rule: the longest one of those that do.

    Args:
        config: Which passages count; found whether or not the reward applies the rule.
        prompt: What was asked; looked at only when the rule is between prompt and response.
        response: What the policy wrote.
        reference: Its length in characters sets the relative threshold.

    Returns:
        Where it stands in the response, each place as start and end in characters, in order; places that overlap are
        joined. Empty if the rule is not broken.
    """
    shortest = _longest_allowed(config, reference)
    others = prompt if config.between == "prompt_and_response" else None
    longest = _longest_passage(response, others, shortest)
    if longest is None:
        return ()
    # Once more with the other text in front, so that one search serves both kinds of the rule.
    text, offset = (response, 0) if others is None else (others + response, len(others))
    starts = [
        start - offset
        for group in _groups_of_equal(_window_hashes(text, longest))
        for start in _standing_elsewhere(text, group, longest, border=offset)
        if start >= offset
    ]
    return _joined([(start, start + longest) for start in sorted(starts)])


def _longest_allowed(config: RepetitionConfig, reference: str) -> int:
    # "longer than both" for whole numbers of characters is "longer than the larger, rounded down"; the little more keeps
    # 0.29 * 100 from being rounded to 28.
    return max(
        config.min_characters, math.floor(config.min_reference_share * len(reference) + 1e-9)
    )


def _longest_passage(response: str, other: str | None, longer_than: int) -> int | None:
    """Find the length of the longest repeated or shared passage by halving: parts of one are passages too."""

    def exists(length: int) -> bool:
        if other is None:
            return repeats_longer_than(response, length)
        return shares_longer_than(other, response, length)

    if not exists(longer_than):
        return None
    low, high = longer_than, len(response)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if exists(middle) else (low, middle)
    return low + 1


def _standing_elsewhere(
    text: str, group: Sequence[int], length: int, *, border: int
) -> Iterator[int]:
    """Yield those starts of equal hashes whose passage stands twice, or on both sides of the border if there is one."""
    passages: dict[str, list[int]] = {}
    for start in group:
        if not start < border < start + length:
            passages.setdefault(text[start : start + length], []).append(start)
    for starts in passages.values():
        if len(starts) > 1 and (border == 0 or min(starts) < border <= max(starts)):
            yield from starts


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _window_hashes(text: str, window: int) -> Hashes:
    """Hash every window of a text; within it, equal windows have equal hashes."""
    count = len(text) - window + 1
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    # UTF-32 is one number a character; lone surrogates are characters like others.
    codes = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    high, low = (
        _polynomial_hashes(codes.astype(np.int64), window, base, modulus)
        for base, modulus in zip(_BASES, _MODULI, strict=True)
    )
    return (high << 32) | low


def _polynomial_hashes(codes: Hashes, window: int, base: int, modulus: int) -> Hashes:
    """Hash windows as polynomials: code[i] * base**i summed over the window, shifted to a common power."""
    powers = _powers(base, len(codes), modulus)
    prefix = np.concatenate([[0], np.cumsum((codes + 1) * powers % modulus)])
    sums = (prefix[window:] - prefix[:-window]) % modulus
    # Multiplying by base**(n - 1 - i) makes the hash independent of where the window starts.
    hashes: Hashes = sums * powers[::-1][: len(sums)] % modulus
    return hashes


def _powers(base: int, count: int, modulus: int) -> Hashes:
    """Compute base**0 .. base**(count - 1) by doubling the known part."""
    powers = np.ones(count, dtype=np.int64)
    known, factor = 1, base % modulus
    while known < count:
        end = min(2 * known, count)
        powers[known:end] = powers[: end - known] * factor % modulus
        factor = factor * factor % modulus
        known *= 2
    return powers


def _groups_of_equal(hashes: Hashes) -> Iterator[list[int]]:
    """Yield the positions of each hash that occurs more than once."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    borders = np.flatnonzero(np.diff(ordered)) + 1
    sizes = np.diff(np.concatenate([[0], borders, [len(hashes)]]))
    if sizes.size == 0 or sizes.max() < 2:
        return
    for group in np.split(order, borders):
        if len(group) > 1:
            yield group.tolist()
