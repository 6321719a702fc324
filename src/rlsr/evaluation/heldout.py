"""The held-out evaluation: the same prompts answered before and after, scored by more than the reward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config.reward import LogicReward, RepetitionConfig, RewardConfig
from rlsr.config.training import EvaluationConfig
from rlsr.data.record import PromptRecord
from rlsr.embeddings import Embedder
from rlsr.evaluation.formulas import formula_scores
from rlsr.evaluation.generate import greedy_responses
from rlsr.evaluation.metrics import bleu, chrf, embedding_similarity, length_ratio, repetition
from rlsr.evaluation.shared_metrics import in_reward
from rlsr.logic import require_prover
from rlsr.models import Policy
from rlsr.processes import ALONE, Processes
from rlsr.rewards import FormulaResult, FormulaSimilarity, Reward, RewardBatch, RewardResult
from rlsr.runs.rows import HeldoutRow
from rlsr.statistics import Estimate, bootstrap_mean, paired_difference

Floats = NDArray[np.float64]

REWARD = "reward"
REWARD_SIMILARITY = "similarity"
LOGIC = "logic"
INDEPENDENT_SIMILARITY = "independent_similarity"
COMPARED_TEXTS = ("formula", "reference_formula")


@dataclass(frozen=True)
class HeldoutScores:
    """What a policy answered to the held-out prompts, and how good that was."""

    responses: tuple[str, ...]
    """Greedy answers, in the order of the prompts."""
    scores: Mapping[str, Floats]
    """One number a prompt by metric: ``reward`` (without its rules for repeated and empty answers), ``similarity`` (the
    cosine by the reward's encoder), ``independent_similarity``, ``chrf``, ``bleu``, ``length_ratio``, ``repetition``, ``cut``.
    Where formulas are compared, instead of ``similarity``: ``logic`` (the logic similarity), ``parsed`` and
    ``equivalent``."""
    texts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    """What the reward compared in place of the texts, by name; empty where it compared the texts."""


@dataclass(frozen=True)
class MetricChange:
    """One metric before and after training."""

    name: str
    """The metric."""
    before: Estimate
    """Its mean before training."""
    after: Estimate
    """Its mean after training."""
    difference: Estimate
    """The mean of the paired differences, after minus before."""
    in_reward: bool = False
    """Whether the reward has it, so that a policy trained on the reward was trained on it."""


class HeldoutEvaluation:
    """Scores policies on the same prompts with the same scorers.

    Args:
        records: The held-out prompts, not empty.
        reward: What the policy is trained on.
        independent: An encoder that the reward never saw; None leaves it out.
        config: Batch size, intervals.
        reward_config: What the reward is made of; breaches of its repetition rule, or of the default one where it has none,
            are counted.
        max_response_tokens: Longest answer, the same as in training.
        processes: Those that answer together, each its share of the prompts.

    Raises:
        MissingPackageError: The answers are formulas, and what proves their equivalence is not installed.
    """

    def __init__(
        self,
        records: Sequence[PromptRecord],
        *,
        reward: Reward,
        independent: Embedder | None,
        config: EvaluationConfig,
        reward_config: RewardConfig,
        max_response_tokens: int,
        processes: Processes = ALONE,
    ) -> None:
        if isinstance(reward, FormulaSimilarity):
            require_prover()
        self._records = tuple(records)
        self._reward = reward
        self._independent = independent
        self._config = config
        self._reward_config = reward_config
        self._max_response_tokens = max_response_tokens
        self._processes = processes

    def run(
        self, policy: Policy, on_progress: Callable[[int, int], None] | None = None
    ) -> HeldoutScores:
        """Let a policy answer every prompt greedily and score the answers.

        Args:
            policy: The policy.
            on_progress: Told how many prompts are answered, of how many; with several processes those of this one.

        Returns:
            Answers and scores, the same in every process.
        """
        own, cut = greedy_responses(
            policy,
            self._processes.share(self._records),
            max_response_tokens=self._max_response_tokens,
            batch_size=self._config.batch_size,
            on_progress=on_progress,
        )
        answers = self._processes.merge(list(zip(own, cut, strict=True)))
        responses = tuple(text for text, _ in answers)
        # One encodes them, and the others wait.
        scores, texts = self._processes.from_main(
            self._score(responses, [not was_cut for _, was_cut in answers])
            if self._processes.is_main
            else ({}, {})
        )
        was_cut = np.array([was_cut for _, was_cut in answers], dtype=np.float64)
        return HeldoutScores(responses=responses, scores={**scores, "cut": was_cut}, texts=texts)

    def score(self, responses: Sequence[str]) -> dict[str, Floats]:
        """Score answers that are already there.

        Args:
            responses: One a prompt.

        Returns:
            One number a prompt by metric.
        """
        return self._score(responses, ())[0]

    def _score(
        self, responses: Sequence[str], ended: Sequence[bool]
    ) -> tuple[dict[str, Floats], dict[str, tuple[str | None, ...]]]:
        prompts = [record.prompt for record in self._records]
        references = [record.reference for record in self._records]
        result = self._reward.score(RewardBatch(self._records, responses, ended))
        scores = self._reward_scores(result)
        if isinstance(result, FormulaResult):
            scores |= formula_scores(result)
        if self._independent is not None:
            scores[INDEPENDENT_SIMILARITY] = embedding_similarity(
                self._independent, responses, references
            )
        scores["chrf"] = chrf(responses, references)
        scores["bleu"] = bleu(responses, references)
        scores["length_ratio"] = length_ratio(responses, references)
        scores["repetition"] = repetition(self._repetition_rule, prompts, responses, references)
        return scores, {name: tuple(texts) for name, texts in result.texts.items()}

    def _reward_scores(self, result: RewardResult) -> dict[str, Floats]:
        """Take the reward and its closeness in meaning before the rules.

        An answer that is left out because it is empty or no formula means nothing: 0. One whose translation is no formula may
        mean anything, and stays left out.
        """
        parts = result.components
        similarity = parts["similarity"]
        found = {REWARD: similarity}
        if "logic" in parts:
            found[LOGIC] = parts["logic"]
        else:
            found[REWARD_SIMILARITY] = parts.get("cosine", similarity)
        says_nothing = parts["empty"] == 1
        if "untranslated" not in parts:
            says_nothing |= parts.get("unparsable", parts["empty"]) == 1
        return {
            name: np.where(says_nothing & np.isnan(values), 0.0, values)
            for name, values in found.items()
        }

    @property
    def _repetition_rule(self) -> RepetitionConfig:
        if isinstance(self._reward_config, LogicReward):
            return RepetitionConfig()
        return self._reward_config.repetition

    def from_rows(self, rows: Sequence[HeldoutRow]) -> HeldoutScores:
        """Read back what ``rows`` listed.

        Args:
            rows: One a prompt, in the order of the prompts.

        Returns:
            Answers and scores.
        """
        assert [row.id for row in rows] == [record.id for record in self._records], (
            "the kept answers are of other prompts than these"
        )
        first = rows[0]
        return HeldoutScores(
            responses=tuple(row.response for row in rows),
            scores={
                name: np.array([row.scores[name] for row in rows], dtype=np.float64)
                for name in first.scores
            },
            texts={
                name: tuple(row.further[name] for row in rows)
                for name in COMPARED_TEXTS
                if name in first.further
            },
        )

    def compare(self, before: HeldoutScores, after: HeldoutScores) -> list[MetricChange]:
        """Put two policies side by side.

        Args:
            before: The policy before training.
            after: The policy after training.

        Returns:
            One change a metric, with paired intervals over prompts.
        """
        options: dict[str, Any] = {
            "confidence": self._config.confidence,
            "num_resamples": self._config.num_resamples,
        }
        return [
            MetricChange(
                name=name,
                before=bootstrap_mean(before.scores[name], **options),
                after=bootstrap_mean(after.scores[name], **options),
                difference=paired_difference(before.scores[name], after.scores[name], **options),
                in_reward=in_reward(name, self._reward_config),
            )
            for name in before.scores
        ]

    def rows(self, scored: HeldoutScores) -> list[HeldoutRow]:
        """List answers with their scores, for a file that people and reports read.

        Args:
            scored: A policy's answers.

        Returns:
            One row a prompt.
        """
        return [
            HeldoutRow(
                id=record.id,
                category=record.category,
                prompt=record.prompt,
                reference=record.reference,
                references=record.references if record.other_references else (),
                response=scored.responses[row],
                further={name: texts[row] for name, texts in scored.texts.items()},
                scores={name: float(values[row]) for name, values in scored.scores.items()},
            )
            for row, record in enumerate(self._records)
        ]
