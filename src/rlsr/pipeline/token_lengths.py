"""How long texts are in tokens: all texts of a small set, and of a large one a sample and whatever may be the longest."""

import statistics
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from rlsr.data import Message, PromptRecord

T = TypeVar("T")

MOST_COUNTED: Final = 20_000
"""Texts up to which all are counted."""
SAMPLE_SIZE: Final = 10_000
"""Texts that stand for a larger set: the 95th percentile then lies between the 94.8th and the 95.2nd, as a rule."""
_BATCH_SIZE: Final = 1_000
_END_OF_SEQUENCE: Final = 4
"""Bytes that the end of sequence counts for, so that short references do not look dense."""


@dataclass(frozen=True)
class TokenLengths:
    """How long texts are, in the policy's tokens."""

    median: float
    """Half of the texts are no longer."""
    p95: float
    """95 of 100 texts are no longer."""
    maximum: int
    """No text is longer."""


def bytes_of(
    records: Iterable[PromptRecord], prompt_bytes: Callable[[Sequence[Message]], int]
) -> tuple[np.ndarray, np.ndarray]:
    """Measure prompts, and all references, in bytes of UTF-8, reading each record once.

    Args:
        records: Of whom.
        prompt_bytes: Measures a prompt.
    """
    prompts, references = array("q"), array("q")
    for record in records:
        prompts.append(prompt_bytes(record.messages))
        references.extend(len(text.encode()) + _END_OF_SEQUENCE for text in record.references)
    return np.array(prompts), np.array(references)


def measure_lengths(
    texts: Sequence[T],
    *,
    sizes: Sequence[int] | np.ndarray,
    count: Callable[[Sequence[T]], list[int]],
) -> TokenLengths:
    """Measure texts.

    The longest text of a large set is looked for among the largest, down to the size from which on even the densest writing of the
    sample would make no longer one.

    Args:
        texts: At least one.
        sizes: Bytes of each text, above 0.
        count: Tokens of several texts.

    Returns:
        The lengths; of more than ``MOST_COUNTED`` texts, median and percentile are those of a sample that is always the same.
    """
    if len(texts) <= MOST_COUNTED:
        return lengths_of(_in_batches(texts, range(len(texts)), count))
    chosen = np.random.default_rng(0).choice(len(texts), SAMPLE_SIZE, replace=False).tolist()
    counted = _in_batches(texts, chosen, count)
    sizes = np.asarray(sizes)
    densest = float(np.max(np.array(counted) / sizes[chosen]))
    sample = lengths_of(counted)
    longest = sample.maximum
    by_size = np.argsort(-sizes, kind="stable")
    for start in range(0, len(by_size), _BATCH_SIZE):
        batch = by_size[start : start + _BATCH_SIZE].tolist()
        if sizes[batch[0]] * densest <= longest:
            break
        longest = max(longest, *count([texts[place] for place in batch]))
    return TokenLengths(sample.median, sample.p95, longest)


def lengths_of(counted: Sequence[int]) -> TokenLengths:
    """Sum up lengths.

    Args:
        counted: Tokens of each text, at least one.
    """
    if len(counted) == 1:
        return TokenLengths(counted[0], counted[0], counted[0])
    p95 = statistics.quantiles(counted, n=20, method="inclusive")[-1]
    return TokenLengths(statistics.median(counted), p95, max(counted))


def _in_batches(
    texts: Sequence[T], places: Sequence[int], count: Callable[[Sequence[T]], list[int]]
) -> list[int]:
    batches = (places[start : start + _BATCH_SIZE] for start in range(0, len(places), _BATCH_SIZE))
    return [tokens for batch in batches for tokens in count([texts[place] for place in batch])]
