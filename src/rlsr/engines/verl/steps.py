"""A step of verl as rlsr writes it down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.config.method import RlsrMethod
from rlsr.data.record import PromptRecord
from rlsr.engines.rollout import Rollout, rollout_metrics, sample_rows
from rlsr.engines.verl.learning import lesson_of
from rlsr.engines.verl.logged_numbers import logged_numbers
from rlsr.rewards import Part, RewardResult
from rlsr.runs.step_metrics import (
    GROUP_SPREAD,
    MEAN_REWARD,
    SHARE_CUT,
    SKIPPED_UPDATES,
    STEP_SECONDS,
    TRAINED_TOKENS,
    WITHOUT_SIGNAL,
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """Numbers and samples of one step."""

    metrics: Mapping[str, float | None]
    """As ``metrics.jsonl`` names them."""
    samples: Sequence[Mapping[str, Any]]
    """Rows of responses that people read."""
    num_tokens: int
    """Tokens that were sampled."""


def read_rollout(rows: Sequence[Row], records: Sequence[PromptRecord]) -> Rollout:
    """Turn what the trainer has told into a rollout.

    Args:
        rows: A response each, the responses to a prompt next to each other.
        records: The training prompts that their places point to.
    """
    components: dict[str, Any] = {}
    for name in rows[0]["components"]:
        components[name] = _numbers([row["components"][name] for row in rows])
    return Rollout(
        records=tuple(records[row["place"]] for row in rows),
        responses=tuple(row["response"] for row in rows),
        num_tokens=tuple(row["num_tokens"] for row in rows),
        ended=tuple(row["ended"] for row in rows),
        result=RewardResult(
            scores=_numbers([row["score"] for row in rows]),
            components=components,
            texts={name: [row["texts"][name] for row in rows] for name in rows[0]["texts"]},
        ),
    )


def describe_step(
    told: Mapping[str, Any],
    records: Sequence[PromptRecord],
    *,
    method: RlsrMethod,
    parts: Sequence[Part],
    num_samples: int,
) -> Step:
    """Name the numbers of a step, and list its samples.

    Args:
        told: What verl's trainer has written of it.
        records: The training prompts.
        method: Its settings.
        parts: What the components of the reward are.
        num_samples: Prompts whose responses are listed.
    """
    rollout = read_rollout(told["rollout"], records)
    scores = rollout.result.scores
    lesson = lesson_of(scores.tolist(), rollout.ended, method)
    tokens = np.array(rollout.num_tokens)
    numbers = logged_numbers(told["metrics"])
    spread = lesson.group_std[~np.isnan(lesson.group_std)]
    seconds = numbers.get(STEP_SECONDS) or float("nan")
    known = scores[~np.isnan(scores)]
    return Step(
        metrics={
            MEAN_REWARD: float(known.mean()) if known.size else None,
            **numbers,
            **rollout_metrics(rollout, parts),
            GROUP_SPREAD: float(spread.mean()) if spread.size else None,
            WITHOUT_SIGNAL: float(1 - lesson.group.has_signal.mean()),
            "advantage/mean_size": float(
                np.abs(lesson.group.advantages[lesson.selected]).sum() / lesson.selected.sum()
            ),
            "tokens/response": float(tokens.mean()),
            SHARE_CUT: float(np.mean([ended is False for ended in rollout.ended])),
            TRAINED_TOKENS: float(
                method.updates_per_step
                * (tokens[lesson.group.learnable].sum() + told["reference_tokens"])
            ),
            "tokens/per_second": float(tokens.sum()) / seconds,
            SKIPPED_UPDATES: 0.0 if numbers.get("optim/grad_norm") is not None else 1.0,
        },
        samples=sample_rows(rollout, lesson.group, method.num_generations, num_samples)
        if num_samples
        else [],
        num_tokens=int(tokens.sum()),
    )


def _numbers(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
