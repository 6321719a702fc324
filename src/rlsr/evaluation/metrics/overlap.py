"""What responses and references share in wording, as sacrebleu counts it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlsr.evaluation.metrics.metric import Metric
from rlsr.rewards.protocol import Scores


def chrf(responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Measure overlap in character n-grams.

    Args:
        responses: The policy's answers.
        references: The human-written answers to each prompt, at least one each.

    Returns:
        chrF in [0, 100], that of the reference with the highest.

    Source:
        Popovic 2015, "chrF: character n-gram F-score", as computed by sacrebleu (n up to 6, beta 2).
    """
    from sacrebleu.metrics import CHRF

    return _sentence_scores(CHRF(), responses, references)


def bleu(responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Measure overlap in word n-grams, response by response.

    Args:
        responses: The policy's answers.
        references: The human-written answers to each prompt, at least one each.

    Returns:
        Sentence BLEU in [0, 100]; 0 for an empty response. Of several references an n-gram may be in any, and the one closest
        in length counts for brevity.

    Source:
        Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation", as computed by sacrebleu
        with its smoothing for single sentences and without the orders that a short text does not have.
    """
    from sacrebleu.metrics import BLEU

    return _sentence_scores(BLEU(effective_order=True), responses, references)


def _sentence_scores(
    metric: Any, responses: Sequence[str], references: Sequence[Sequence[str]]
) -> Scores:
    scores = [
        metric.sentence_score(response, list(texts)).score
        for response, texts in zip(responses, references, strict=True)
    ]
    return np.array(scores, dtype=np.float64)


METRICS = (
    Metric(
        "chrf",
        lambda batch: chrf(batch.responses, batch.references),
        label="chrF",
        better="higher",
        digits=1,
        tie_margin=1.0,
        rank=20,
    ),
    Metric(
        "bleu",
        lambda batch: bleu(batch.responses, batch.references),
        label="BLEU",
        better="higher",
        digits=1,
        tie_margin=1.0,
        rank=50,
    ),
)
