"""The reference policy's log-probabilities of a rollout."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rlsr.engines.trl.starting_point import REFERENCE
from rlsr.forward.fused_adapters import fused_adapters


@contextmanager
def reference_policy(model: Any, reference: Any | None) -> Iterator[Any]:
    """Give the policy before training: a model of its own, or the policy without its adapters or with their copy.

    TRL switches adapters off by a method that first takes stock of all of them, which takes as long as a quarter of
    the pass itself on a small policy.

    Args:
        model: The policy, not wrapped.
        reference: The reference policy where it is a model of its own.

    Yields:
        The reference policy.
    """
    if reference is not None:
        yield reference
        return
    if REFERENCE in model.peft_config:
        trained = model.active_adapter
        model.base_model.set_adapter(REFERENCE)
        try:
            # As the policy's own passes, so that both are rounded alike.
            with fused_adapters(model):
                yield model
        finally:
            model.base_model.set_adapter(trained)
        return
    model.base_model.disable_adapter_layers()
    try:
        yield model
    finally:
        model.base_model.enable_adapter_layers()


def rows_with_tokens(batch: dict[str, Any]) -> list[int]:
    """Find the responses that take part in the update.

    Args:
        batch: TRL's batch.

    Returns:
        Numbers of the responses that are not masked altogether.
    """
    return [int(row) for row in batch["completion_mask"].any(dim=1).nonzero()]


def put_rows(values: torch.Tensor, rows: list[int], batch: dict[str, Any]) -> torch.Tensor:
    """Put the numbers of some responses into a table of all.

    Args:
        values: (row, token).
        rows: Which responses these are.
        batch: TRL's batch.

    Returns:
        (response, token), 0 for all others.
    """
    table = values.new_zeros(batch["completion_ids"].shape)
    table[torch.tensor(rows, device=table.device), : values.shape[1]] = values
    return table
