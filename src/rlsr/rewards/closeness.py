"""How close a response is to its reference: one formula for each variant of the similarity."""

from collections.abc import Callable, Sequence

import numpy as np

from rlsr.config.reward import SimilarityConfig
from rlsr.data.visible import count_visible
from rlsr.rewards.lexical import character_overlap, f_scores, number_agreement
from rlsr.rewards.matches import order_matches, word_matches
from rlsr.rewards.protocol import Part, Scores

_COSINE = Part("cosine", "Cosine", "Of the embeddings of response and reference.")
_OVERLAP = Part("overlap", "Overlap", "In character n-grams.")
_NUMBERS = Part("numbers", "Numbers", "Agreement of the numbers in response and reference.")
_LENGTH = Part(
    "length", "Length", "Of the shorter text over that of the longer, to the power of the config."
)
_MADE_OF = {
    "cosine": (),
    "blend": (_COSINE, _OVERLAP, _NUMBERS),
    "ensemble": (
        _COSINE,
        _OVERLAP,
        Part("words", "Words", "Overlap in words."),
        Part("order", "Order of words", "Overlap in words that stand in the same order."),
        Part("sentences", "Sentences", "Each sentence's cosine to the nearest one of the other text."),
        _NUMBERS,
    ),
}  # fmt: skip


def made_of(config: SimilarityConfig) -> tuple[Part, ...]:
    """List what a similarity is made of, as components of the reward; none where it is the cosine and nothing else."""
    parts = _MADE_OF[config.variant]
    return (*(parts or (_COSINE,)), _LENGTH) if config.length_exponent else parts


def blended_similarity(
    cosines: Scores, overlap: Scores, agreement: Scores, *, number_share: float
) -> Scores:
    """Blend closeness in meaning, in wording and in numbers.

    Args:
        cosines: Of the embeddings, in [-1, 1]; NaN is unscored and stays so.
        overlap: In character n-grams, in [0, 1].
        agreement: Of the numbers, in [0, 1].
        number_share: Share that a complete disagreement in numbers takes away, in [0, 1].

    Returns:
        The mean of cosine and overlap times 1 - number_share * (1 - agreement), in [-0.5, 1]. What is below 0 is left
        as it is, since there the factor would turn wrong numbers into a gain.

    Source:
        benchmarks/reward-quality.md, the variant ``blend``.
    """
    return _mean_of((cosines, overlap), agreement, number_share)


def ensemble_similarity(
    cosines: Scores,
    overlaps: Sequence[Scores],
    agreement: Scores,
    *,
    number_share: float,
) -> Scores:
    """Average several measures of closeness, which err in different ways, and lower the mean where numbers disagree.

    Args:
        cosines: Of the embeddings, in [-1, 1]; NaN is unscored and stays so.
        overlaps: In character n-grams, in words, in ordered words and in sentences, each in [0, 1].
        agreement: Of the numbers, in [0, 1].
        number_share: Share that a complete disagreement in numbers takes away, in [0, 1].

    Returns:
        As of a blend, with all members of equal weight, in [-1 / members, 1].

    Source:
        benchmarks/ranker.md, the variant ``ensemble``; that equal weights are hard to beat: Dawes 1979, "The robust
        beauty of improper linear models in decision making".
    """
    return _mean_of((cosines, *overlaps), agreement, number_share)


def length_factors(responses: Sequence[str], references: Sequence[str], exponent: float) -> Scores:
    """Say what the similarity of each response is lowered to for its length.

    Args:
        responses: The policy's answers.
        references: The human-written answers, in the same order.
        exponent: How much lengths count, 0 or more.

    Returns:
        min(l / r, r / l) ** exponent of the visible characters, so that white space fills nothing up: 1 where they are as many,
        above 0 for any text that shows something.
    """
    own = np.array([max(count_visible(text), 1) for text in responses], dtype=np.float64)
    wanted = np.array([max(count_visible(text), 1) for text in references], dtype=np.float64)
    factors: Scores = np.minimum(own / wanted, wanted / own) ** exponent
    return factors


def similarity_parts(
    config: SimilarityConfig,
    cosines: Scores,
    responses: Sequence[str],
    references: Sequence[str],
    sentences: Callable[[], Scores],
) -> dict[str, Scores]:
    """Measure closeness as the config says, with what it is made of.

    Args:
        config: The variant and its weights.
        cosines: Of the embeddings of responses and references.
        responses: The policy's answers.
        references: The human-written answers, in the same order.
        sentences: Compares them sentence by sentence; called by ``ensemble`` alone.

    Returns:
        ``similarity``, and what ``made_of`` lists. NaN where a part is unscored.
    """
    similarity, parts = cosines, {}
    if config.variant != "cosine":
        overlap = character_overlap(responses, references, config.recall_weight)
        agreement = number_agreement(responses, references)
        share, others = config.number_share, {}
        if config.variant == "blend":
            similarity = blended_similarity(cosines, overlap, agreement, number_share=share)
        else:
            others = {
                "words": f_scores(word_matches(responses, references), config.recall_weight),
                "order": f_scores(order_matches(responses, references), config.recall_weight),
                "sentences": sentences(),
            }
            overlaps = (overlap, *others.values())
            similarity = ensemble_similarity(cosines, overlaps, agreement, number_share=share)
        parts = {"overlap": overlap, **others, "numbers": agreement}
    if config.length_exponent:
        parts["length"] = length_factors(responses, references, config.length_exponent)
        similarity = _lowered(similarity, parts["length"])
    if parts:
        parts = {"cosine": cosines, **parts}
    return {"similarity": similarity, **parts}


def _mean_of(members: Sequence[Scores], agreement: Scores, number_share: float) -> Scores:
    closeness = sum(members[1:], members[0]) / len(members)
    return _lowered(closeness, 1 - number_share * (1 - agreement))


def _lowered(closeness: Scores, factors: Scores) -> Scores:
    """Multiply what is above 0; below it a factor would turn a fault into a gain."""
    return np.where(closeness > 0, closeness * factors, closeness)
