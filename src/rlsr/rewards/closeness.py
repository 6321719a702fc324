"""How close a response is to its reference: one formula for each variant of the similarity."""

from collections.abc import Callable, Sequence

import numpy as np

from rlsr.config.reward import SimilarityConfig
from rlsr.rewards.lexical import character_overlap, f_scores, number_agreement
from rlsr.rewards.matches import order_matches, word_matches
from rlsr.rewards.protocol import Part, Scores

_COSINE = Part("cosine", "Cosine", "Of the embeddings of response and reference.")
_OVERLAP = Part("overlap", "Overlap", "In character n-grams.")
_NUMBERS = Part("numbers", "Numbers", "Agreement of the numbers in response and reference.")
MADE_OF = {
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
"""By variant what a similarity is made of, as components of the reward."""


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
        ``similarity``, and what ``MADE_OF`` lists. NaN where a part is unscored.
    """
    if config.variant == "cosine":
        return {"similarity": cosines}
    overlap = character_overlap(responses, references, config.recall_weight)
    agreement = number_agreement(responses, references)
    share = config.number_share
    if config.variant == "blend":
        similarity = blended_similarity(cosines, overlap, agreement, number_share=share)
        more = {}
    else:
        more = {
            "words": f_scores(word_matches(responses, references), config.recall_weight),
            "order": f_scores(order_matches(responses, references), config.recall_weight),
            "sentences": sentences(),
        }
        overlaps = (overlap, *more.values())
        similarity = ensemble_similarity(cosines, overlaps, agreement, number_share=share)
    return {
        "similarity": similarity,
        "cosine": cosines,
        "overlap": overlap,
        **more,
        "numbers": agreement,
    }


def _mean_of(members: Sequence[Scores], agreement: Scores, number_share: float) -> Scores:
    closeness = sum(members[1:], members[0]) / len(members)
    factor = 1 - number_share * (1 - agreement)
    return np.where(closeness > 0, closeness * factor, closeness)
