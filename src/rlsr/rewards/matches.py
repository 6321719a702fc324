"""What two texts share in words, in their order, and in sentences: how much of the one stands in the other, and back."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from rlsr.data.sentences import sentence_spans
from rlsr.embeddings import Encoding
from rlsr.embeddings.protocol import Vectors, unit_rows
from rlsr.rewards.lexical import Matches, words

Encode = Callable[[Sequence[str]], Encoding]


def word_matches(responses: Sequence[str], references: Sequence[str]) -> Matches:
    """Count the words that two texts have in common, each at most as often as it stands in both.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.

    Returns:
        The common words as shares of the response's and of the reference's; a text without words is one word.
    """
    return _shares(responses, references, lambda ours, theirs: (Counter(ours) & Counter(theirs)).total())  # fmt: skip


def order_matches(responses: Sequence[str], references: Sequence[str]) -> Matches:
    """Find the longest sequence of words that stands in both texts in the same order, gaps allowed.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.

    Returns:
        Its words as shares of the response's and of the reference's; a text without words is one word.

    Source:
        Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", ROUGE-L.
    """
    return _shares(responses, references, longest_common_subsequence)


def sentence_matches(
    responses: Sequence[str],
    references: Sequence[str],
    encode_responses: Encode,
    encode_references: Encode,
) -> Matches:
    """Let each sentence of either text take the nearest sentence of the other, and average.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.
        encode_responses: Encodes sentences of responses; called once.
        encode_references: Encodes sentences of references; called once.

    Returns:
        Means of the best cosines, of the response's sentences and of the reference's; a cosine below 0 counts as 0. NaN
        where the encoder gave what is not finite.
    """
    ours, theirs = list(map(sentences, responses)), list(map(sentences, references))
    our_vectors = _by_sentence(encode_responses, ours)
    their_vectors = _by_sentence(encode_references, theirs)
    found = np.zeros((len(ours), 2))
    for row, (left, right) in enumerate(zip(ours, theirs, strict=True)):
        table = np.stack([our_vectors[text] for text in left]) @ np.stack([their_vectors[text] for text in right]).T  # fmt: skip
        # Where two texts say the same, rounding must not part them.
        cosines = np.clip(table.astype(np.float64).round(6), 0, 1)
        found[row] = cosines.max(axis=1).mean(), cosines.max(axis=0).mean()
    return found[:, 0], found[:, 1]


def sentences(text: str) -> list[str]:
    """Split a text into sentences that have a letter or a digit; without any, all of it is one.

    Args:
        text: Any text.

    Returns:
        At least one sentence.
    """
    found = (text[start:end] for start, end in sentence_spans(text))
    return [sentence for sentence in found if any(map(str.isalnum, sentence))] or [text.strip()]


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the items of the longest sequence that stands in both in the same order, gaps allowed.

    Args:
        first: Any items.
        second: Any items.

    Returns:
        Its length.

    Source:
        Hyyrö 2004, "Bit-parallel LCS-length computation revisited": a row of the usual table as the bits of one number.
    """
    places: dict[str, int] = {}
    for place, item in enumerate(second):
        places[item] = places.get(item, 0) | (1 << place)
    full = (1 << len(second)) - 1
    row = full
    for item in first:
        kept = row & places.get(item, 0)
        row = ((row + kept) | (row - kept)) & full
    return len(second) - row.bit_count()


def _shares(
    responses: Sequence[str],
    references: Sequence[str],
    count: Callable[[Sequence[str], Sequence[str]], int],
) -> Matches:
    found = np.zeros((len(responses), 2))
    for row, (response, reference) in enumerate(zip(responses, references, strict=True)):
        ours, theirs = (words(text) or [text.strip()] for text in (response, reference))
        common = count(ours, theirs)
        found[row] = common / len(ours), common / len(theirs)
    return found[:, 0], found[:, 1]


def _by_sentence(encode: Encode, texts: Sequence[Sequence[str]]) -> dict[str, Vectors]:
    distinct = list(dict.fromkeys(sentence for text in texts for sentence in text))
    return dict(zip(distinct, unit_rows(encode(distinct).vectors), strict=True)) if distinct else {}
