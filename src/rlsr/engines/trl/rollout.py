"""The reward as TRL calls it, and what a rollout looked like."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.data.record import PromptRecord
from rlsr.methods import GroupAdvantages
from rlsr.processes import ALONE, Processes
from rlsr.rewards import Part, Reward, RewardBatch, RewardResult
from rlsr.rewards.protocol import Scores
from rlsr.runs.step_metrics import REWARD_QUANTILES

RECORD_COLUMN = "record"
"""Dataset column with the place of a row in the training records. TRL drops the columns ``prompt`` and
``completion`` before a reward sees them; this one it hands on."""


@dataclass(frozen=True)
class Rollout:
    """The responses of one step, as scored."""

    records: tuple[PromptRecord, ...]
    """What each response answers; the responses to a prompt stand next to each other."""
    responses: tuple[str, ...]
    """Text without special tokens."""
    num_tokens: tuple[int, ...]
    """Tokens of each response, end of sequence included."""
    result: RewardResult
    """Scores and components."""


def merge_rollouts(parts: Sequence[Rollout]) -> Rollout:
    """Put together what several processes have sampled for a step.

    Args:
        parts: At least one, in the order of the processes.

    Returns:
        The whole rollout.
    """
    results = [part.result for part in parts]
    return Rollout(
        records=tuple(record for part in parts for record in part.records),
        responses=tuple(response for part in parts for response in part.responses),
        num_tokens=tuple(number for part in parts for number in part.num_tokens),
        result=RewardResult(
            scores=np.concatenate([result.scores for result in results]),
            components={
                name: np.concatenate([result.components[name] for result in results])
                for name in results[0].components
            },
            texts={
                name: [text for result in results for text in result.texts[name]]
                for name in results[0].texts
            },
        ),
    )


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
        result = self._reward.score(
            RewardBatch(
                records,
                responses,
                [self._ended(tokens) for tokens in completion_ids],
                completion_ids,
            )
        )
        own = Rollout(records, responses, tuple(map(len, completion_ids)), result)
        self._last = merge_rollouts(self._processes.gather(own))
        for name, value in rollout_metrics(self._last, self._reward.parts).items():
            log_metric(name, value)
        return [None if np.isnan(score) else float(score) for score in result.scores]

    def _ended(self, tokens: Sequence[int]) -> bool | None:
        return not self._stop_ids.isdisjoint(tokens) if self._stop_ids else None

    def reference_rewards(self, rows: Sequence[int]) -> Scores:
        """Score references as if the policy had written them.

        Args:
            rows: Places of training records, of this process.

        Returns:
            One score a row, those of all processes in their order; NaN where it could not be scored.
        """
        records = [self._records[row] for row in rows]
        batch = RewardBatch(records, [record.reference for record in records])
        return np.concatenate(self._processes.gather(self._reward.score(batch).scores))


def rollout_metrics(rollout: Rollout, parts: Sequence[Part]) -> dict[str, float]:
    """Summarise a rollout.

    Args:
        rollout: A scored rollout.
        parts: What the components of its scores are.

    Returns:
        Means over the responses, NaN left out; lengths in characters; shares in [0, 1].
    """
    components = rollout.result.components
    references = [len(record.reference) for record in rollout.records]
    return {
        **{
            part.column: _mean(components[part.name], is_share=part.is_share)
            for part in parts
            if part.name in components
        },
        **_quantiles(rollout.result.scores),
        "reward/num_unscored": float(rollout.result.num_unscored),
        "length/response": float(np.mean([len(response) for response in rollout.responses])),
        "length/reference": float(np.mean(references)),
    }


def _quantiles(scores: Scores) -> dict[str, float]:
    """Say how the rewards of a step are spread, for a chart of their distribution over time."""
    scored = scores[~np.isnan(scores)]
    if not scored.size:
        return {name: float("nan") for name in REWARD_QUANTILES}
    return {name: float(np.quantile(scored, share)) for name, share in REWARD_QUANTILES.items()}


def _mean(values: Scores, *, is_share: bool) -> float:
    counted = values if is_share else values[~np.isnan(values)]
    return float(counted.mean()) if counted.size else float("nan")


def sample_rows(
    rollout: Rollout, advantages: GroupAdvantages, num_generations: int, num_groups: int
) -> list[dict[str, Any]]:
    """List the first groups of a rollout, for a file that people read.

    Args:
        rollout: A scored rollout.
        advantages: What each response of it taught.
        num_generations: Responses of a prompt.
        num_groups: How many prompts to list.

    Returns:
        One JSON-ready row a response.
    """
    count = min(num_groups * num_generations, len(rollout.responses))
    return [
        {
            "id": rollout.records[row].id,
            "prompt": rollout.records[row].prompt,
            "reference": rollout.records[row].reference,
            "response": rollout.responses[row],
            **{name: texts[row] for name, texts in rollout.result.texts.items()},
            "reward": float(rollout.result.scores[row]),
            "advantage": float(advantages.advantages[row]),
            "in_update": bool(advantages.learnable[row]),
            "num_tokens": rollout.num_tokens[row],
            **{name: float(values[row]) for name, values in rollout.result.components.items()},
        }
        for row in range(count)
    ]
