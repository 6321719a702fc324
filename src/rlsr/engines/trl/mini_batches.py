"""A rollout that is learnt from in mini-batches, each a step of its own with whole groups, its own averages and one update.

With ``count`` mini-batches the first has every ``count``-th prompt from the first on, the second those behind them, and so on: so they
are the same however many processes have a part of the rollout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch

from rlsr.config.method import RlsrMethod
from rlsr.engines.trl.beginnings import Beginning
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.step import OLD_LOG_PROBS, PLACE, STEP, Row, Step, make_step
from rlsr.methods import GroupAdvantages
from rlsr.methods.advantages import Floats


def rows_of_mini_batch(
    number: int, count: int, *, num_rows: int, num_generations: int
) -> list[int]:
    """List the responses of a mini-batch.

    Args:
        number: Which one, from 0.
        count: Of the rollout.
        num_rows: Responses of the rollout, or of a process's part of it; ``count`` divides its prompts.
        num_generations: Responses of a prompt, which stand next to each other.
    """
    return [row for row in range(num_rows) if row // num_generations % count == number]


def make_steps(
    inputs: Sequence[Row],
    beginnings: Sequence[Beginning],
    batch: dict[str, Any],
    rewards: Floats,
    *,
    count: int,
    method: RlsrMethod,
    host: HostOverrides,
) -> tuple[list[int], list[Step]]:
    """Decide what is learnt from each mini-batch of a rollout.

    Args:
        inputs: Rows of the dataset of this process, one a response.
        beginnings: What the responses were begun with.
        batch: The rollout as TRL's batch.
        rewards: Rewards of the responses of all processes; NaN is unscored.
        count: Mini-batches of the rollout.
        method: Size of a group, subset and advantages.
        host: The trainer.

    Returns:
        The responses of this process, mini-batch after mini-batch, and the mini-batches without additions.
    """
    order: list[int] = []
    steps: list[Step] = []
    for number in range(count):
        rows, rows_of_all = (
            rows_of_mini_batch(
                number, count, num_rows=num_rows, num_generations=method.num_generations
            )
            for num_rows in (len(inputs), len(rewards))
        )
        step = make_step(
            [inputs[row] for row in rows],
            [beginnings[row] for row in rows],
            pick_rows(batch, rows),
            rewards[rows_of_all],
            method=method,
            host=host,
        )
        order += rows
        steps.append(replace(step, mini_batch=number))
    return order, steps


def with_steps(batch: dict[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    """Put what is learnt into the place of what TRL would learn.

    Args:
        batch: TRL's, its responses mini-batch after mini-batch.
        steps: The mini-batches.
    """
    device = batch["completion_mask"].device
    learnable = [torch.tensor(step.group.learnable[step.own], device=device) for step in steps]
    kept, given = (torch.cat([getattr(step, name) for step in steps]) for name in ("kept", "given"))
    learnt = {
        **batch,
        STEP: [step for step in steps for _ in step.rows],
        PLACE: torch.cat([torch.arange(len(step.rows), device=device) for step in steps]),
        "advantages": torch.cat([_advantages(step) for step in steps]),
        "num_items_in_batch": torch.tensor(sum(step.num_tokens for step in steps), device=device),
        "completion_mask": batch["completion_mask"] * (torch.cat(learnable)[:, None] | kept),
    }
    if given.any():
        # To TRL they are the answers of tools.
        learnt["tool_mask"] = (~given).long()
    return learnt


def _advantages(step: Step) -> torch.Tensor:
    if step.token_advantages is not None:
        return step.token_advantages
    own = step.group.advantages[step.own]
    return torch.tensor(own, dtype=torch.float32, device=step.given.device)


def whole_rollout(steps: Sequence[Step]) -> Step:
    """Put mini-batches together as logs and samples read a rollout: responses in the order in which they were written.

    Args:
        steps: The mini-batches in their order.

    Returns:
        The first one with the responses of all; what an update reads is in ``steps`` alone.
    """
    first, size = steps[0], steps[0].num_generations
    if len(steps) == 1:
        return first

    def of_responses(name: str) -> Any:
        return _interleaved([getattr(step, name) for step in steps], size)

    def of_groups(name: str, each: int) -> Any:
        return np.array(_interleaved([getattr(step.group, name) for step in steps], each))

    return replace(
        first,
        rows=of_responses("rows"),
        responses=of_responses("responses"),
        rewards=np.array(of_responses("rewards")),
        selected=np.array(of_responses("selected")),
        group=GroupAdvantages(
            advantages=of_groups("advantages", size),
            learnable=of_groups("learnable", size),
            group_std=of_groups("group_std", 1),
            has_signal=of_groups("has_signal", 1),
        ),
        metrics={name: _mean([step.metrics[name] for step in steps]) for name in first.metrics},
        columns={
            name: _interleaved([step.columns[name] for step in steps], size)
            for name in first.columns
        },
    )


def mini_batches(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Take TRL's batch apart, whose responses are in any order.

    Args:
        batch: With the step of each response.

    Returns:
        The mini-batches in their order.
    """
    steps = {step.mini_batch: step for step in batch[STEP]}
    if len(steps) == 1:
        return [batch]
    parts = []
    for number, step in sorted(steps.items()):
        rows = [row for row, one in enumerate(batch[STEP]) if one.mini_batch == number]
        tokens = torch.tensor(step.num_tokens, device=batch["num_items_in_batch"].device)
        part = {**pick_rows(batch, rows), "num_items_in_batch": tokens}
        if number == 0:
            # What learns from it is the policy that has written it, which nobody has asked before.
            part.pop(OLD_LOG_PROBS, None)
        parts.append(part)
    return parts


def pick_rows(batch: Mapping[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """Take some responses out of TRL's batch, whose tables stay as wide as they are."""
    num_rows = len(batch["completion_ids"])

    def of_rows(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.ndim > 0 and len(value) == num_rows:
            return value[list(rows)]
        if isinstance(value, list) and len(value) == num_rows:
            return [value[row] for row in rows]
        return value

    return {name: of_rows(value) for name, value in batch.items()}


def _interleaved(parts: Sequence[Sequence[Any]], size: int) -> list[Any]:
    """Take so many of each part in turn, which is how ``rows_of_mini_batch`` has dealt them out."""
    groups = [[part[start : start + size] for start in range(0, len(part), size)] for part in parts]
    in_turn = chain.from_iterable(zip(*groups, strict=True))
    return list(chain.from_iterable(in_turn))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")
