"""The reward as TRL calls it."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlsr.data.record import PromptRecord
from rlsr.engines.rollout import Rollout, merge_rollouts, rollout_metrics
from rlsr.errors import BudgetError
from rlsr.processes import ALONE, Processes
from rlsr.rewards import Reward, RewardBatch, RewardResult
from rlsr.rewards.protocol import Scores

RECORD_COLUMN = "record"
"""Dataset column with the place of a row in the training records. TRL drops the columns ``prompt`` and
``completion`` before a reward sees them; this one it hands on."""


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out TRL's warning of an unscored response, with all of its prompt; they are counted, and many of them end the run."""
    return "All reward functions returned None" not in str(record.msg)


logging.getLogger("trl.trainer.grpo_trainer").addFilter(_is_news)


class RewardFunction:
    """Scores TRL's rollouts with a reward of ours and remembers the last one.

    Args:
        reward: Scores responses.
        records: The training records that the dataset's rows point to.
        stop_ids: Tokens that end a response; none where that is not known.
        processes: Those that train together.
    """

    __name__ = "reward"

    def __init__(
        self,
        reward: Reward,
        records: Sequence[PromptRecord],
        stop_ids: Sequence[int] = (),
        processes: Processes = ALONE,
    ) -> None:
        self._reward = reward
        self._records = records
        self._stop_ids = frozenset(stop_ids)
        self._processes = processes
        self._last: Rollout | None = None

    @property
    def last(self) -> Rollout:
        """The rollout that was scored last, of all processes."""
        assert self._last is not None, "no rollout was scored yet"
        return self._last

    def __call__(
        self,
        *,
        completions: Sequence[Sequence[dict[str, str | None]]],
        completion_ids: Sequence[Sequence[int]],
        record: Sequence[int],
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float | None]:
        """Score a rollout.

        Args:
            completions: Conversational responses, one assistant message each.
            completion_ids: Their tokens.
            record: For each the place of its training record.
            log_metric: TRL's way to log a number.

        Returns:
            One score a response; None where it could not be scored.
        """
        records = tuple(self._records[row] for row in record)
        # A tokenizer that parses responses may find one without content, as after a thought that never ended.
        responses = tuple(completion[-1]["content"] or "" for completion in completions)
        ended = tuple(self._ended(tokens) for tokens in completion_ids)
        result = self._score(RewardBatch(records, responses, ended, completion_ids))
        own = Rollout(records, responses, tuple(map(len, completion_ids)), ended, result)
        self._last = merge_rollouts(self._processes.gather(own))
        for name, value in rollout_metrics(self._last, self._reward.parts).items():
            log_metric(name, value)
        return [None if np.isnan(score) else float(score) for score in result.scores]

    def _ended(self, tokens: Sequence[int]) -> bool | None:
        return not self._stop_ids.isdisjoint(tokens) if self._stop_ids else None

    @property
    def learning_scores(self) -> Scores:
        """What the responses of the last rollout, of all processes, are compared by; NaN where one could not be scored."""
        return self._reward.learning_scores(self.last.records, self.last.result)

    def reference_rewards(self, rows: Sequence[int]) -> Scores:
        """Score references as if the policy had written them.

        Args:
            rows: Places of training records, of this process.

        Returns:
            One score a row, those of all processes in their order; NaN where it could not be scored.
        """
        records = [self._records[row] for row in rows]
        batch = RewardBatch(records, [record.reference for record in records])
        return np.concatenate(self._processes.gather(self._score(batch).scores))

    def prefix_scores(self, rows: Sequence[int], texts: Sequence[str]) -> Scores:
        """Score responses that are not finished.

        Args:
            rows: Places of their training records, of this process.
            texts: One a row.

        Returns:
            One score a row; NaN where it could not be scored, and where nothing is written yet.
        """
        batch = RewardBatch([self._records[row] for row in rows], texts)
        is_blank = np.array([not text.strip() for text in texts], dtype=bool)
        return np.where(is_blank, np.nan, self._score(batch).scores)

    def _score(self, batch: RewardBatch) -> RewardResult:
        """Score in this process, and end in all where one finds a budget used up, so that they save together."""
        result, used_up = RewardResult(np.empty(0)), None
        try:
            if len(batch):
                result = self._reward.score(batch)
        except BudgetError as error:
            used_up = error
        for one in self._processes.gather(used_up):
            if one is not None:
                raise one
        return result
