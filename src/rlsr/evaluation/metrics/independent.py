"""Closeness in meaning by an encoder that the reward never saw, so that a rise of the reward alone shows."""

from collections.abc import Sequence

import numpy as np

from rlsr.config.embedding import vector_settings
from rlsr.data.visible import is_empty
from rlsr.embeddings import Embedder
from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards.protocol import Scores
from rlsr.rewards.similarity import cosine_rewards


def best_cosines(
    embedder: Embedder, responses: Sequence[str], references: Sequence[Sequence[str]]
) -> Scores:
    """Measure closeness in meaning to the closest of several references.

    Args:
        embedder: Any encoder.
        responses: The policy's answers.
        references: The human-written answers to each prompt, at least one each.

    Returns:
        Cosines in [-1, 1]; 0 for an empty response, which means nothing, and NaN where no reference has a direction.
    """
    counts = [len(texts) for texts in references]
    encoded = embedder.encode([*responses, *(text for texts in references for text in texts)])
    answers, others = encoded.vectors[: len(responses)], encoded.vectors[len(responses) :]
    cosines = cosine_rewards(np.repeat(answers, counts, axis=0), others)
    empty = np.array([is_empty(response) for response in responses], dtype=np.bool_)
    if not counts:
        return cosines
    # Where one reference has no direction, the others count.
    best = np.fmax.reduceat(cosines, np.cumsum([0, *counts[:-1]]))
    return np.where(empty, 0.0, best)


def _independent(batch: HeldoutBatch) -> Scores:
    assert batch.independent is not None, "a run without the encoder does not measure this"
    return best_cosines(batch.independent, batch.responses, batch.references)


METRICS = (
    Metric(
        "independent_similarity",
        _independent,
        label="similarity by an independent encoder",
        short_label="independent similarity",
        better="higher",
        tie_margin=0.01,
        rank=10,
        scorer=lambda config: vector_settings(config.independent_embedding),
    ),
)
