"""The reward: closeness to the reference in meaning, wording and numbers, guarded against repetition."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config.embedding import vector_settings
from rlsr.config.reward import SimilarityReward
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.data.visible import is_empty
from rlsr.embeddings import Embedder, ReferenceCache, load_embedder, require_embedder
from rlsr.embeddings.protocol import Vectors
from rlsr.models import Device
from rlsr.rewards.closeness import made_of, similarity_parts
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.lexical import f_scores
from rlsr.rewards.matches import sentence_matches
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores
from rlsr.rewards.repetition import breaks_repetition_rule
from rlsr.runs import cache_directory

_SIMILARITY = Part("similarity", "Similarity", "Before the rules for repeated and empty answers.")
_SHARES = (
    Part(
        "repeated",
        "Share penalised for repetition",
        "Responses that break the repetition rule.",
        is_share=True,
    ),
    Part("empty", "Share empty", "Responses without any visible character.", is_share=True),
    Part(
        "truncated",
        "Share cut by the encoder",
        "Responses or references of which the encoder read only the beginning.",
        is_share=True,
        column="reward/share_cut_by_encoder",
    ),
)


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


class ReferenceSimilarity(Reward):
    """Scores a rollout: closeness to the reference; fixed scores for repetition and for empty responses.

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

    @property
    def parts(self) -> tuple[Part, ...]:
        """Closeness, what it is made of, and which rules applied."""
        return _parts_of(self._config)

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            Scores in [-1, 1]; NaN where the encoder gave no direction. Components: ``similarity`` before the rules and
            what ``made_of`` lists (all NaN for empty responses); ``repeated``, ``empty`` and ``truncated``
            as 0 and 1.
        """
        empty = np.array([is_empty(response) for response in batch.responses], dtype=np.bool_)
        parts, truncated = self._compare(batch, np.flatnonzero(~empty))
        repeated = self._repeated(batch)
        scores = np.where(repeated, self._config.repetition.penalty, parts["similarity"])
        scores = np.where(empty, self._config.empty_score, scores)
        return RewardResult(
            scores=scores,
            components={
                **parts,
                "repeated": repeated.astype(np.float64),
                "empty": empty.astype(np.float64),
                "truncated": truncated.astype(np.float64),
            },
            heldout={
                "reward": _zero_where(empty, parts["similarity"]),
                "similarity": _zero_where(empty, parts.get("cosine", parts["similarity"])),
            },
        )

    def _compare(
        self, batch: RewardBatch, rows: NDArray[np.intp]
    ) -> tuple[dict[str, Scores], NDArray[np.bool_]]:
        """Compare the responses of some rows to their references; the others stay NaN."""
        cosines, truncated = self._cosines(batch, rows)
        responses = [batch.responses[row] for row in rows]
        references = [batch.references[row] for row in rows]
        found = similarity_parts(
            self._config.similarity,
            cosines[rows],
            responses,
            references,
            lambda: self._by_sentences(responses, references),
        )
        parts = {name: np.full(len(batch), np.nan) for name in found}
        for name, values in found.items():
            parts[name][rows] = values
        return parts, truncated

    def _cosines(
        self, batch: RewardBatch, rows: NDArray[np.intp]
    ) -> tuple[Scores, NDArray[np.bool_]]:
        cosines = np.full(len(batch), np.nan)
        truncated = np.zeros(len(batch), dtype=np.bool_)
        if rows.size == 0:
            return cosines, truncated
        responses = self._embedder.encode(self._encoded_texts(batch, batch.responses, rows))
        references = self._references.encode(self._encoded_texts(batch, batch.references, rows))
        cosines[rows] = cosine_rewards(responses.vectors, references.vectors)
        truncated[rows] = responses.truncated | references.truncated
        return cosines, truncated

    def _by_sentences(self, responses: Sequence[str], references: Sequence[str]) -> Scores:
        """Compare sentence by sentence, by the encoder that compares the whole."""
        matches = sentence_matches(
            responses, references, self._embedder.encode, self._references.encode
        )
        return f_scores(matches, self._config.similarity.recall_weight)

    def _encoded_texts(
        self, batch: RewardBatch, answers: Sequence[str], rows: NDArray[np.intp]
    ) -> list[str]:
        """Put the prompt before the answer where the config says so."""
        if self._config.text == "response":
            return [answers[row] for row in rows]
        return [f"{batch.prompts[row]}\n\n{answers[row]}" for row in rows]

    def _repeated(self, batch: RewardBatch) -> NDArray[np.bool_]:
        # Whichever reference is compared: a passage may be as long as the longest of them allows.
        longest = [max(record.references, key=len) for record in batch.records]
        rows = zip(batch.prompts, batch.responses, longest, strict=True)
        return np.array(
            [
                breaks_repetition_rule(
                    self._config.repetition, prompt=prompt, response=response, reference=reference
                )
                for prompt, response, reference in rows
            ],
            dtype=np.bool_,
        )


class SimilarityKind(RewardKind[SimilarityReward]):
    """The reward ``similarity``."""

    config = SimilarityReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List closeness, what it is made of, and which rules applied."""
        return _parts_of(self.settings(config))

    def describe(self, config: RunConfig) -> str:
        """Name the variant, the encoder and the guard against repetition."""
        settings = self.settings(config)
        rule = settings.repetition
        guard = (
            f"{rule.penalty:g} for a repeated passage of more than {rule.min_characters} characters"
            if rule.enabled
            else "no rule against repetition"
        )
        exponent = settings.similarity.length_exponent
        length = f" times the ratio of lengths to the power of {exponent:g}" if exponent else ""
        return (
            f"similarity ({settings.similarity.variant}, {config.embedding.name}) of the "
            f"{settings.text.replace('_', ' ')} to the reference{length}, {guard}"
        )

    def seen_metrics(self, config: RunConfig) -> frozenset[str]:
        """Add what is nearly a part of the similarity, and the rule against repetition."""
        settings = self.settings(config)
        variant = settings.similarity.variant
        nearly = {
            "chrf": variant in {"blend", "ensemble"},
            "bleu": variant == "ensemble",
            "repetition": settings.repetition.enabled,
            "length_ratio": settings.similarity.length_exponent > 0,
        }
        return super().seen_metrics(config) | {name for name, seen in nearly.items() if seen}

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """Give closeness, and the cosine of its encoder."""
        settings = self.settings(config)
        # Both are taken before the rules for repeated and empty responses.
        read = [settings.text, settings.references, vector_settings(config.embedding)]
        closeness = settings.similarity.model_dump(mode="json")
        return {"reward": [closeness, *read], "similarity": read}

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse an encoder that is not there."""
        require_embedder(config.embedding, "embedding.model")

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> ReferenceSimilarity:
        """Load the encoder."""
        embedder = load_embedder(config.embedding, device)
        cache = ReferenceCache(embedder, cache_directory("embeddings") if keep else None)
        return ReferenceSimilarity(self.settings(config), embedder, cache)


def _parts_of(config: SimilarityReward) -> tuple[Part, ...]:
    return (_SIMILARITY, *made_of(config.similarity), *_SHARES)


def _zero_where(says_nothing: NDArray[np.bool_], values: Scores) -> Scores:
    """Count what is left out because the response says nothing as no closeness at all."""
    return np.where(says_nothing & np.isnan(values), 0.0, values)
