"""What a ranker can be made of: cheap measures of a response against its reference."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.embeddings import Embedder
from rlsr.rewards.lexical import character_matches, number_agreement, words
from rlsr.rewards.matches import order_matches, sentence_matches, word_matches
from rlsr.rewards.similarity import cosine_rewards

Floats = NDArray[np.float64]
Pair = tuple[str, str]
"""A response and its reference."""
Columns = tuple[Floats, ...]
Measure = Callable[[Embedder, Sequence[Pair]], Columns]

PARTS = (
    "cosine", "letters precision", "letters recall", "words precision", "words recall", "order precision", "order recall",
    "sentences precision", "sentences recall", "meanings precision", "meanings recall", "numbers", "long enough",
    "short enough", "ends",
)  # fmt: skip
"""In [0, 1], the cosine in [-1, 1]; larger for what ought to be better. ``letters``: character n-grams; ``words``: clipped counts; ``order``: the
longest common subsequence of words; ``sentences`` and ``meanings``: the mean cosine of each sentence or distinct word to its
best partner in the other text, by the encoder; ``ends``: 0 for a response that stops in mid-sentence where its reference does
not."""

_END = re.compile(r"""[.!?…。\uff01\uff1f:;)\]}"'\u201d\u2019»`*_|]\s*\Z""")


def measure_parts(embedder: Embedder, pairs: Sequence[Pair]) -> Floats:
    """Measure every part.

    Args:
        embedder: A static encoder; sentences and single words are encoded, too.
        pairs: Responses and their references.

    Returns:
        One row a pair, one column for each of ``PARTS``.
    """
    columns = [column for measure in FAMILIES.values() for column in measure(embedder, pairs)]
    return np.stack(columns, axis=1)


def _cosine(embedder: Embedder, pairs: Sequence[Pair]) -> Columns:
    ours, theirs = (embedder.encode(side).vectors for side in zip(*pairs, strict=True))
    return (np.nan_to_num(cosine_rewards(ours, theirs)),)


def _letters(_: Embedder, pairs: Sequence[Pair]) -> Columns:
    responses, references = zip(*pairs, strict=True)
    return character_matches(responses, references)


def _words(_: Embedder, pairs: Sequence[Pair]) -> Columns:
    return word_matches(*zip(*pairs, strict=True))


def _order(_: Embedder, pairs: Sequence[Pair]) -> Columns:
    return order_matches(*zip(*pairs, strict=True))


def _sentences(embedder: Embedder, pairs: Sequence[Pair]) -> Columns:
    return sentence_matches(*zip(*pairs, strict=True), embedder.encode, embedder.encode)


def _meanings(embedder: Embedder, pairs: Sequence[Pair]) -> Columns:
    """Do with distinct words what is done with sentences."""
    pieces = [tuple(list(dict.fromkeys(words(text))) for text in pair) for pair in pairs]
    distinct = list(dict.fromkeys(word for pair in pieces for side in pair for word in side))
    vectors = dict(zip(distinct, embedder.encode(distinct).vectors, strict=True))
    found = np.zeros((len(pairs), 2))
    for row, sides in enumerate(pieces):
        if all(sides):
            left, right = (np.stack([vectors[word] for word in side]) for side in sides)
            table = np.clip(left @ right.T, 0, 1)
            found[row] = table.max(axis=1).mean(), table.max(axis=0).mean()
    return found[:, 0], found[:, 1]


def _numbers(_: Embedder, pairs: Sequence[Pair]) -> Columns:
    responses, references = zip(*pairs, strict=True)
    return (number_agreement(responses, references),)


def _form(_: Embedder, pairs: Sequence[Pair]) -> Columns:
    ours, theirs = (
        np.maximum([len(words(text)) for text in side], 1) for side in zip(*pairs, strict=True)
    )
    ends = [float(_ends(response) or not _ends(reference)) for response, reference in pairs]
    return np.minimum(ours / theirs, 1), np.minimum(theirs / ours, 1), np.array(ends)


FAMILIES: dict[str, Measure] = {
    "cosine": _cosine,
    "letters": _letters,
    "words": _words,
    "order": _order,
    "sentences": _sentences,
    "meanings": _meanings,
    "numbers": _numbers,
    "form": _form,
}
"""What gives ``PARTS``, in their order; each is timed."""


def _ends(text: str) -> bool:
    """Say whether a text ends as finished texts do."""
    return _END.search(text) is not None
