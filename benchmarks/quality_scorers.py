"""The similarities that are compared: those of the package, and those that lost."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.config.reward import SimilarityConfig
from rlsr.embeddings import ReferenceCache
from rlsr.evaluation.metrics.overlap import chrf
from rlsr.rewards.closeness import similarity_parts
from rlsr.rewards.lexical import f_scores, words
from rlsr.rewards.matches import longest_common_subsequence, sentence_matches
from rlsr.rewards.similarity import cosine_rewards

Floats = NDArray[np.float64]
DEFAULT = "blend, wordllama (the default)"


@dataclass(frozen=True)
class Pairs:
    """Answers with their references."""

    responses: Sequence[str]
    """The answers."""
    references: Sequence[str]
    """One each."""
    sources: Sequence[str]
    """The set that each comes from."""


Scorer = Callable[[Pairs], Floats]
BySource = Mapping[str, Sequence[str]]


def all_scorers(
    minilm: ReferenceCache, wordllama: ReferenceCache, fitted_on: BySource
) -> dict[str, Scorer]:
    """List every similarity by name.

    Args:
        minilm: Encodes and remembers.
        wordllama: Encodes and remembers.
        fitted_on: References by set, for means and document frequencies; of half A alone.

    Returns:
        Scorers, the shipped variants first.
    """
    blend, cosine = SimilarityConfig(), SimilarityConfig(variant="cosine")
    return {
        "cosine, MiniLM (the paper's)": lambda pairs: _shipped(cosine, minilm, pairs),
        "cosine, wordllama": lambda pairs: _shipped(cosine, wordllama, pairs),
        DEFAULT: lambda pairs: _shipped(blend, wordllama, pairs),
        "blend, MiniLM": lambda pairs: _shipped(blend, minilm, pairs),
        "length of the answer": lambda pairs: np.array(
            [float(len(words(text))) for text in pairs.responses]
        ),
        "centred cosine, MiniLM": lambda pairs: _centred(minilm, fitted_on, pairs),
        "centred cosine, wordllama": lambda pairs: _centred(wordllama, fitted_on, pairs),
        "chrF2": lambda pairs: chrf(pairs.responses, [(text,) for text in pairs.references]) / 100,
        "TF-IDF": lambda pairs: _tf_idf(fitted_on, pairs),
        "ROUGE-L": _rouge_l,
        "word matching, wordllama": lambda pairs: _matched(wordllama, pairs, words, beta=2),
        "sentence matching, wordllama": lambda pairs: _matched(
            wordllama, pairs, _sentences, beta=1
        ),
    }


def clean(scores: Floats, responses: Sequence[str]) -> Floats:
    """Score empty answers and what has no direction -1, and make rounding errors ties."""
    empty = np.array([not text.strip() for text in responses], dtype=np.bool_)
    return np.where(empty | np.isnan(scores), -1.0, scores).astype(np.float64).round(6)


def _shipped(config: SimilarityConfig, encoder: ReferenceCache, pairs: Pairs) -> Floats:
    cosines = cosine_rewards(
        encoder.encode(pairs.responses).vectors, encoder.encode(pairs.references).vectors
    )
    return similarity_parts(
        config,
        cosines,
        pairs.responses,
        pairs.references,
        lambda: f_scores(
            sentence_matches(pairs.responses, pairs.references, encoder.encode, encoder.encode),
            config.recall_weight,
        ),
    )["similarity"]


def _centred(encoder: ReferenceCache, fitted_on: BySource, pairs: Pairs) -> Floats:
    """Subtract the mean direction of the set's references first."""
    means = {
        source: encoder.encode(texts).vectors.mean(axis=0) for source, texts in fitted_on.items()
    }
    mean = np.stack([means[source] for source in pairs.sources])
    responses = encoder.encode(pairs.responses).vectors - mean
    return cosine_rewards(responses, encoder.encode(pairs.references).vectors - mean)


def _tf_idf(fitted_on: BySource, pairs: Pairs) -> Floats:
    weights = {}
    for source, texts in fitted_on.items():
        counts = Counter(word for text in texts for word in set(words(text)))
        weights[source] = (counts, len(texts))

    def vector(text: str, source: str) -> dict[str, float]:
        counts, total = weights[source]
        found = {
            word: number * (np.log((total + 1) / (counts[word] + 1)) + 1)
            for word, number in Counter(words(text)).items()
        }
        length = np.sqrt(sum(value**2 for value in found.values())) or 1.0
        return {word: value / length for word, value in found.items()}

    scores = []
    for response, reference, source in zip(
        pairs.responses, pairs.references, pairs.sources, strict=True
    ):
        ours, theirs = vector(response, source), vector(reference, source)
        scores.append(sum(value * theirs.get(word, 0.0) for word, value in ours.items()))
    return np.array(scores)


def _rouge_l(pairs: Pairs) -> Floats:
    scores = []
    for response, reference in zip(pairs.responses, pairs.references, strict=True):
        ours, theirs = words(response), words(reference)
        common = longest_common_subsequence(ours, theirs)
        scores.append(2 * common / max(1, len(ours) + len(theirs)))
    return np.array(scores)


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]


def _matched(
    encoder: ReferenceCache, pairs: Pairs, split: Callable[[str], list[str]], beta: float
) -> Floats:
    """Let each piece of either side take its best partner on the other, and average."""
    scores = []
    for response, reference in zip(pairs.responses, pairs.references, strict=True):
        ours, theirs = split(response), split(reference)
        if not ours or not theirs:
            scores.append(0.0)
            continue
        table = np.maximum(encoder.encode(ours).vectors @ encoder.encode(theirs).vectors.T, 0.0)
        precision, recall = float(table.max(axis=1).mean()), float(table.max(axis=0).mean())
        below = beta**2 * precision + recall
        scores.append((1 + beta**2) * precision * recall / below if below else 0.0)
    return np.array(scores)
