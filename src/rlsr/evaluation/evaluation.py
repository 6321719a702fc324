"""One way to ask policies the prompts of a suite: answered, scored, kept, read back and compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config import RunConfig
from rlsr.data.overlap import asked, measure_overlap
from rlsr.data.record import PromptRecord
from rlsr.evaluation.asker import Asker
from rlsr.evaluation.change import MetricChange, metric_changes
from rlsr.evaluation.generate import answer_prompts
from rlsr.evaluation.kept import KeptMetric, KeptSuite, digests
from rlsr.evaluation.kept_responses import KeptResponses
from rlsr.evaluation.metrics import Better
from rlsr.evaluation.metrics.likelihood import REFERENCE_NLL
from rlsr.evaluation.suites import HELDOUT, AskingSuite, Suite, ask_policy, score_answers
from rlsr.models import Policy
from rlsr.models.likelihood import reference_nlls
from rlsr.processes import ALONE, Processes
from rlsr.runs.rows import HeldoutRow
from rlsr.statistics import Estimate, bootstrap_mean

Floats = NDArray[np.float64]

_TOKENS_PER_PASS = 2_048
"""Of a forward pass over references."""


@dataclass(frozen=True)
class Answers:
    """What a policy answered to the prompts of a suite, and how good that was."""

    responses: tuple[str, ...]
    """Answers, in the order of the prompts."""
    scores: Mapping[str, Floats]
    """One number a prompt by metric, in the order in which they are shown; NaN is unscored."""
    texts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    """Further texts by name, one a prompt, as the formulas that a reward compared."""


@dataclass(frozen=True)
class MetricMean:
    """One metric of a policy."""

    name: str
    """The metric."""
    after: Estimate
    """Its mean over the prompts; the name is that of trained policies, whose last measurement it is."""
    in_reward: bool
    """Whether the reward has it."""
    better: Better | None = None
    """Which way is better; None where nothing says so, and in older files."""


class Evaluation:
    """Asks policies the same prompts and scores them by the same scorers.

    Args:
        suite: The prompts, and what scores the answers.
        config: The resolved config of the run: longest answer, batch size, intervals.
        processes: Those that answer together, each its share of the prompts.
        name: Of the suite, for messages.
    """

    def __init__(
        self,
        suite: Suite,
        config: RunConfig,
        processes: Processes = ALONE,
        name: str = HELDOUT,
    ) -> None:
        self._name = name
        self._suite = suite
        self._records: Sequence[PromptRecord] = tuple(suite.records)
        self._config = config
        self._processes = processes

    @property
    def answers_in_words(self) -> str | None:
        """How the answers come about, as in ``greedy responses``; None is as ``evaluation.temperature`` says."""
        return self._suite.answers_in_words

    def run(
        self,
        policy: Policy,
        on_progress: Callable[[int, int], None] | None = None,
        directory: Path | None = None,
        kept: KeptResponses | None = None,
    ) -> Answers:
        """Let a policy answer every prompt, as ``evaluation.temperature`` or the suite says, and score the answers.

        Args:
            policy: The policy.
            on_progress: Told how many prompts are answered, of how many; with several processes those of this one.
            directory: Where a suite that asks the policy itself may leave files.
            kept: Responses of this policy from before, which it does not write again; None keeps none.

        Returns:
            Answers and scores, the same in every process.
        """
        if isinstance(self._suite, AskingSuite):
            # One process asks, and the others wait.
            return self._processes.from_main(
                self._ask(self._suite, Asker(policy, self._config, on_progress, directory, kept))
                if self._processes.is_main
                else Answers((), {})
            )
        settings = self._config.evaluation
        limit = self._suite.max_response_tokens or self._config.method.max_response_tokens
        assert limit is not None, "resolved by the plan"
        seeds = [(self._config.seed, place) for place in range(len(self._records))]
        own, cut = answer_prompts(
            policy,
            self._processes.share(self._records),
            max_response_tokens=limit,
            batch_size=settings.batch_size,
            temperature=settings.temperature,
            seeds=self._processes.share(seeds),
            on_progress=on_progress,
            kept=kept,
        )
        answers = self._processes.merge(list(zip(own, cut, strict=True)))
        responses = [text for text, _ in answers]
        # One scores them, and the others wait.
        scored = self._processes.from_main(
            self.score(responses, [not was_cut for _, was_cut in answers])
            if self._processes.is_main
            else Answers((), {})
        )
        if REFERENCE_NLL.name not in scored.scores:
            return scored
        return replace(
            scored, scores={**scored.scores, REFERENCE_NLL.name: self._nlls(policy, limit)}
        )

    def _ask(self, suite: AskingSuite, asker: Asker) -> Answers:
        responses, scored = ask_policy(self._name, suite, asker)
        return Answers(tuple(responses), *scored)

    def _nlls(self, policy: Policy, limit: int) -> Floats:
        """Ask how likely the references are, which no answer tells: nats for each of their tokens, one number a prompt."""
        own = reference_nlls(
            policy,
            self._processes.share(self._records),
            max_response_tokens=limit,
            tokens_per_pass=_TOKENS_PER_PASS,
        )
        return np.array([total / count for total, count in self._processes.merge(own)])

    def score(
        self, responses: Sequence[str], ended: Sequence[bool | None] | None = None
    ) -> Answers:
        """Score answers that are already there.

        Args:
            responses: One a prompt.
            ended: Whether each ended by itself; not given is not known.

        Returns:
            The answers with their scores.

        Raises:
            EvaluationError: A metric or a suite of another package does not return what it must.
        """
        ended = ended or [None] * len(responses)
        return Answers(tuple(responses), *score_answers(self._name, self._suite, responses, ended))

    def rows(self, answers: Answers) -> list[HeldoutRow]:
        """List answers with their scores, for a file that people and reports read.

        Args:
            answers: A policy's.

        Returns:
            One row a prompt.
        """
        return [
            HeldoutRow(
                id=record.id,
                category=record.category,
                prompt=record.prompt,
                reference=record.reference,
                response=answers.responses[row],
                scores={name: float(values[row]) for name, values in answers.scores.items()},
                references=record.references if record.other_references else (),
                further={name: texts[row] for name, texts in answers.texts.items()},
            )
            for row, record in enumerate(self._records)
        ]

    def from_rows(self, rows: Sequence[HeldoutRow]) -> Answers:
        """Read back what ``rows`` listed.

        Args:
            rows: One a prompt, in the order of the prompts.
        """
        assert [row.id for row in rows] == [record.id for record in self._records], (
            "the kept answers are of other prompts than these"
        )
        return Answers(
            responses=tuple(row.response for row in rows),
            scores={
                name: np.array([row.scores[name] for row in rows], dtype=np.float64)
                for name in rows[0].scores
            },
            texts={name: tuple(row.further[name] for row in rows) for name in rows[0].further},
        )

    def means(self, answers: Answers) -> list[MetricMean]:
        """Average the scores of one policy.

        Args:
            answers: The policy's.

        Returns:
            One mean a metric, with intervals over prompts, and what else the suite estimates.
        """
        found = {
            name: bootstrap_mean(values, **self._options) for name, values in answers.scores.items()
        }
        found |= self._suite.estimates(
            answers.responses, answers.scores, answers.texts, **self._options
        )
        return [
            MetricMean(name, estimate, self._suite.is_trained_on(name), self._suite.better(name))
            for name, estimate in found.items()
        ]

    def remarks(self, answers: Answers) -> tuple[str, ...]:
        """Say what else people should read beside the numbers of one policy.

        Args:
            answers: The policy's.
        """
        return tuple(self._suite.remarks(answers.scores, answers.texts))

    def keep(self, answers: Answers, train: Sequence[PromptRecord]) -> KeptSuite:
        """Put together what is kept of one policy besides its answers.

        Args:
            answers: The policy's.
            train: The training rows that prompts are looked for in; empty where there are none.
        """
        num_words = self._config.data.overlap_words
        prompts = [(record.id, asked(record)) for record in self._records]
        return KeptSuite(
            prompts=digests(self.rows(answers)),
            metrics=tuple(
                KeptMetric(
                    name=mean.name,
                    better=mean.better,
                    in_reward=mean.in_reward,
                    scorer=self._suite.scorer(mean.name),
                    mean=mean.after,
                    scores=tuple(answers.scores[mean.name].tolist()),
                )
                for mean in self.means(answers)
                if mean.name in answers.scores
            ),
            overlap=measure_overlap(prompts, train, num_words) if train else None,
        )

    def compare(self, before: Answers, after: Answers) -> tuple[MetricChange, ...]:
        """Put two policies side by side.

        Args:
            before: Those of the policy before training.
            after: Those of the policy after training.

        Returns:
            One change a metric, with paired intervals over prompts.
        """
        return metric_changes(
            before.scores, after.scores, self._suite.is_trained_on, **self._options
        )

    @property
    def _options(self) -> dict[str, Any]:
        settings = self._config.evaluation
        return {"confidence": settings.confidence, "num_resamples": settings.num_resamples}
