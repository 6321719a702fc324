"""One way to ask scorers about the same pairs of a better and a worse answer."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rlsr.config import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.evaluation.evaluation import Answers, Evaluation
from rlsr.evaluation.kept_responses import KeptResponses
from rlsr.evaluation.metrics.pairs import pair_scores
from rlsr.evaluation.suites import Scored, Suite
from rlsr.models import Policy
from rlsr.processes import ALONE, Processes

_TOKENS_PER_PASS = 2_048
"""Of a forward pass over pairs."""


class PairEvaluation(Evaluation):
    """Asks scorers which of two answers is better, and measures how often and by how much they are right.

    What is kept as the response to a prompt is the answer that the scorer prefers, the reference where both score alike.

    Args:
        records: Prompts, each with a rejected answer, at least one.
        config: The resolved config of the run: longest answer, intervals.
        processes: Those that score together, each its share of the pairs.
    """

    def __init__(
        self, records: Sequence[PromptRecord], config: RunConfig, processes: Processes = ALONE
    ) -> None:
        super().__init__(_Pairs(records), config, processes)

    def run(
        self,
        policy: Policy,
        on_progress: Callable[[int, int], None] | None = None,
        directory: Path | None = None,
        kept: KeptResponses | None = None,
    ) -> Answers:
        """Score every pair.

        Args:
            policy: The scorer.
            on_progress: Told how many pairs are scored, of how many; with several processes those of this one.
            directory: Is not looked at.
            kept: Is not looked at: a scorer writes nothing.

        Returns:
            The answers that it prefers, with the metrics of ``rlsr.evaluation.metrics.pairs``; the same in every process.
        """
        from rlsr.models.scoring import score_pairs

        limit = self._config.method.max_response_tokens
        assert limit is not None, "resolved by the plan"
        own = score_pairs(
            policy,
            self._processes.share(self._records),
            max_response_tokens=limit,
            tokens_per_pass=_TOKENS_PER_PASS,
            on_progress=on_progress,
        )
        found = self._processes.merge(own)
        worse_answers = [record.rejected or "" for record in self._records]
        preferred = [
            other if worse > better else record.reference
            for record, other, (better, worse) in zip(
                self._records, worse_answers, found, strict=True
            )
        ]
        return Answers(tuple(preferred), pair_scores(found), {"rejected": tuple(worse_answers)})


class _Pairs(Suite):
    """Prompts whose answers are there already."""

    def __init__(self, records: Sequence[PromptRecord]) -> None:
        self._records = tuple(records)

    @property
    def records(self) -> Sequence[PromptRecord]:
        """The prompts."""
        return self._records

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Score no answers: a scorer writes none."""
        raise AssertionError("pairs are scored by the scorer that is measured")
