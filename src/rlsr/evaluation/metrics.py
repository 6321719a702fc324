"""What is measured on a held-out response; each metric is one number a prompt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.config.reward import RepetitionConfig
from rlsr.embeddings import Embedder
from rlsr.rewards.repetition import breaks_repetition_rule
from rlsr.rewards.similarity import cosine_rewards

Floats = NDArray[np.float64]


def embedding_similarity(
    embedder: Embedder, responses: Sequence[str], references: Sequence[str]
) -> Floats:
    """Measure closeness in meaning.

    Args:
        embedder: Any encoder.
        responses: The policy's answers.
        references: The human-written answers.

    Returns:
        Cosines in [-1, 1]; 0 for an empty response, which means nothing, and NaN where a reference has no direction.
    """
    encoded = embedder.encode([*responses, *references]).vectors
    cosines = cosine_rewards(encoded[: len(responses)], encoded[len(responses) :])
    empty = np.array([not response.strip() for response in responses], dtype=np.bool_)
    return np.where(empty, 0.0, cosines)


def chrf(responses: Sequence[str], references: Sequence[str]) -> Floats:
    """Measure overlap in character n-grams.

    Args:
        responses: The policy's answers.
        references: The human-written answers.

    Returns:
        chrF in [0, 100].

    Source:
        Popovic 2015, "chrF: character n-gram F-score", as computed by sacrebleu (n up to 6, beta 2).
    """
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    scores = [
        metric.sentence_score(response, [reference]).score
        for response, reference in zip(responses, references, strict=True)
    ]
    return np.array(scores, dtype=np.float64)


def bleu(responses: Sequence[str], references: Sequence[str]) -> Floats:
    """Measure overlap in word n-grams, response by response.

    Args:
        responses: The policy's answers.
        references: The human-written answers.

    Returns:
        Sentence BLEU in [0, 100]; 0 for an empty response.

    Source:
        Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation", as computed by sacrebleu
        with its smoothing for single sentences and without the orders that a short text does not have.
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True)
    scores = [
        metric.sentence_score(response, [reference]).score
        for response, reference in zip(responses, references, strict=True)
    ]
    return np.array(scores, dtype=np.float64)


def length_ratio(responses: Sequence[str], references: Sequence[str]) -> Floats:
    """Compare lengths in characters.

    Args:
        responses: The policy's answers.
        references: The human-written answers, not empty.

    Returns:
        Length of the response over length of the reference, at least 0; 1 is as long as the reference.
    """
    return np.array(
        [
            len(response) / len(reference)
            for response, reference in zip(responses, references, strict=True)
        ],
        dtype=np.float64,
    )


def repetition(
    config: RepetitionConfig,
    prompts: Sequence[str],
    responses: Sequence[str],
    references: Sequence[str],
) -> Floats:
    """Flag responses that break the repetition rule, whether or not the reward applies it.

    Args:
        config: The rule.
        prompts: What was asked.
        responses: The policy's answers.
        references: The human-written answers.

    Returns:
        1 where the rule is broken, else 0.
    """
    rule = config.model_copy(update={"enabled": True})
    rows = zip(prompts, responses, references, strict=True)
    return np.array(
        [
            float(
                breaks_repetition_rule(rule, prompt=prompt, response=response, reference=reference)
            )
            for prompt, response, reference in rows
        ],
        dtype=np.float64,
    )
