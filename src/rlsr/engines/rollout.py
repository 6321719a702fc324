"""The responses of a step with their scores: what is logged of them, and what people read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.data.record import PromptRecord
from rlsr.engines.rollout_texts import text_metrics
from rlsr.methods import GroupAdvantages
from rlsr.rewards import Part, RewardResult
from rlsr.rewards.protocol import Scores
from rlsr.runs.step_metrics import REWARD_QUANTILES, SHARE_UNSCORED, UNSCORED


@dataclass(frozen=True)
class Rollout:
    """The responses of one step, as scored."""

    records: tuple[PromptRecord, ...]
    """What each response answers; the responses to a prompt stand next to each other."""
    responses: tuple[str, ...]
    """Text without special tokens."""
    num_tokens: tuple[int, ...]
    """Tokens of each response, end of sequence included."""
    ended: tuple[bool | None, ...]
    """Whether each ended by itself; None where that is not known."""
    result: RewardResult
    """Scores and components."""


def merge_rollouts(parts: Sequence[Rollout]) -> Rollout:
    """Put together what several processes have sampled for a step.

    Args:
        parts: At least one, in the order of the processes.
    """
    results = [part.result for part in parts]
    return Rollout(
        records=tuple(record for part in parts for record in part.records),
        responses=tuple(response for part in parts for response in part.responses),
        num_tokens=tuple(number for part in parts for number in part.num_tokens),
        ended=tuple(ended for part in parts for ended in part.ended),
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


def rollout_metrics(rollout: Rollout, parts: Sequence[Part]) -> dict[str, float]:
    """Summarise a rollout.

    Args:
        rollout: A scored rollout.
        parts: What the components of its scores are.

    Returns:
        Means over the responses, NaN left out; lengths in characters; shares in [0, 1].
    """
    components = rollout.result.components
    references = [np.mean([len(text) for text in record.references]) for record in rollout.records]
    return {
        **{
            part.column: _mean(components[part.name], is_share=part.is_share)
            for part in parts
            if part.name in components
        },
        **_quantiles(rollout.result.scores),
        UNSCORED: float(rollout.result.num_unscored),
        SHARE_UNSCORED: rollout.result.num_unscored / len(rollout.responses),
        "length/response": float(np.mean([len(response) for response in rollout.responses])),
        "length/reference": float(np.mean(references)),
        **text_metrics(rollout.records, rollout.responses),
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
            **rollout.records[row].written_references,
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
