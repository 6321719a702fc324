"""The RLSR reward: closeness in meaning to the reference, guarded against repetition."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.config.reward import SimilarityReward
from rlsr.embeddings import Embedder, ReferenceCache
from rlsr.embeddings.protocol import Vectors
from rlsr.rewards.protocol import RewardBatch, RewardResult, Scores
from rlsr.rewards.repetition import breaks_repetition_rule


def cosine_rewards(responses: Vectors, references: Vectors) -> Scores:
    """Score each response by the cosine between its embedding and that of its own reference.

    Args:
        responses: Embeddings of the sampled answers, one a row, any length.
        references: Embeddings of the human-written answers, in the same order.

    Returns:
        Cosines in [-1, 1], dimensionless; NaN (unscored) where a vector is zero or not finite.

    Source:
        arXiv 2510.14200, the definition of r(x, y, y*); deviations: none.
    """
    left, right = responses.astype(np.float64), references.astype(np.float64)
    with np.errstate(invalid="ignore"):  # what is not finite is unscored below
        dots = np.einsum("ij,ij->i", left, right)
        lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    scorable = np.isfinite(lengths) & (lengths > 0)
    cosines = np.divide(dots, lengths, out=np.full(len(dots), np.nan), where=scorable)
    clipped: Scores = np.clip(cosines, -1.0, 1.0)
    return clipped


class ReferenceSimilarity:
    """Scores a rollout: cosine to the reference; fixed scores for repetition and for empty responses.

    Args:
        config: What is encoded and which rules guard it.
        embedder: Encodes the responses.
        references: Encodes the references, each once.
    """

    def __init__(
        self, config: SimilarityReward, embedder: Embedder, references: ReferenceCache
    ) -> None:
        self._config = config
        self._embedder = embedder
        self._references = references

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            Scores in [-1, 1]; NaN where the encoder gave no direction. Components: ``similarity`` before the rules
            (NaN for empty responses), ``repeated``, ``empty`` and ``truncated`` as 0 and 1.
        """
        empty = np.array([not response.strip() for response in batch.responses], dtype=np.bool_)
        similarity, truncated = self._similarities(batch, ~empty)
        repeated = self._repeated(batch)
        scores = np.where(repeated, self._config.repetition.penalty, similarity)
        scores = np.where(empty, self._config.empty_score, scores)
        return RewardResult(
            scores=scores,
            components={
                "similarity": similarity,
                "repeated": repeated.astype(np.float64),
                "empty": empty.astype(np.float64),
                "truncated": truncated.astype(np.float64),
            },
        )

    def _similarities(
        self, batch: RewardBatch, visible: NDArray[np.bool_]
    ) -> tuple[Scores, NDArray[np.bool_]]:
        """Compare the visible responses to their references; the others stay NaN."""
        rows = np.flatnonzero(visible)
        similarity = np.full(len(batch), np.nan)
        truncated = np.zeros(len(batch), dtype=np.bool_)
        if rows.size == 0:
            return similarity, truncated
        responses = self._embedder.encode(self._encoded_texts(batch, batch.responses, rows))
        references = self._references.encode(self._encoded_texts(batch, batch.references, rows))
        similarity[rows] = cosine_rewards(responses.vectors, references.vectors)
        truncated[rows] = responses.truncated | references.truncated
        return similarity, truncated

    def _encoded_texts(
        self, batch: RewardBatch, answers: Sequence[str], rows: NDArray[np.intp]
    ) -> list[str]:
        """Put the prompt before the answer where the config says so."""
        if self._config.text == "response":
            return [answers[row] for row in rows]
        return [f"{batch.prompts[row]}\n\n{answers[row]}" for row in rows]

    def _repeated(self, batch: RewardBatch) -> NDArray[np.bool_]:
        rows = zip(batch.prompts, batch.responses, batch.references, strict=True)
        return np.array(
            [
                breaks_repetition_rule(
                    self._config.repetition, prompt=prompt, response=response, reference=reference
                )
                for prompt, response, reference in rows
            ],
            dtype=np.bool_,
        )
