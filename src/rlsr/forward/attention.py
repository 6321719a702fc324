"""Attention by a plan: how a pass over groups of responses gets into a transformers model without touching it.

transformers lets a program register an attention function and choose it by name. Ours hands each layer's queries, keys
and values to a plan, an object that knows which token belongs to which prompt and response.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from transformers import AttentionInterface

NAME = "rlsr_groups"
"""Name under which transformers knows the attention. There is no mask function of this name, so that transformers
builds no mask for it."""

_CHANGES_THE_SCORES = ("sliding_window", "softcap", "s_aux", "position_bias", "head_mask")
"""Arguments of other attention functions that ours would have to honour and does not."""


_KNOWN_LAYERS = {"attention", "full_attention"}
"""Names in a config's ``layer_types``; others are windows, linear attention and convolutions."""


class UnsupportedPolicyError(Exception):
    """The policy's attention has a part that a plan does not know; the plain pass has to be used.

    The message is a clause: what the policy has or lacks.
    """


class AttentionPlan(Protocol):
    """Knows who may look at whom."""

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Compute one layer's attention.

        Args:
            layer: Number of the layer.
            query: (row, head, position, width).
            key: (row, key head, position, width); the heads are a multiple of the key heads.
            value: The same shape.
            scaling: Factor of the scores.

        Returns:
            (row, position, head, width).
        """


def _attend_by_plan(  # noqa: PLR0913, PLR0917 - transformers calls it so
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    plan: AttentionPlan | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    unknown = [name for name in _CHANGES_THE_SCORES if others.get(name) is not None]
    if unknown or dropout or attention_mask is not None:
        parts = ", ".join(unknown) or ("dropout" if dropout else "a mask")
        raise UnsupportedPolicyError(f"its attention has {parts}")
    if plan is None:
        raise UnsupportedPolicyError("its layers drop the arguments of attention functions")
    factor = query.shape[-1] ** -0.5 if scaling is None else scaling
    return plan.attend(module.layer_idx, query, key, value, factor), None


AttentionInterface.register(NAME, _attend_by_plan)


@contextmanager
def attention_by_plan(model: Any) -> Iterator[None]:
    """Let a model's layers ask a plan; its forward pass then needs an argument ``plan``.

    With gradient checkpointing the backward pass must happen inside, too, since it runs the layers again.

    Args:
        model: A transformers model, with or without adapters.

    Yields:
        Nothing.

    Raises:
        UnsupportedPolicyError: The model does not let its attention be chosen.
    """
    base = _base(model)
    part = _unknown_part(base)
    if part is not None:
        raise UnsupportedPolicyError(part)
    before = base.config._attn_implementation
    try:
        base.set_attn_implementation(NAME)
        if base.config._attn_implementation != NAME:
            raise UnsupportedPolicyError("its attention cannot be chosen")
        yield
    finally:
        base.set_attn_implementation(before)


def attends_by_plan(model: Any) -> bool:
    """Say whether a model is inside ``attention_by_plan``.

    Args:
        model: A transformers model, with or without adapters.

    Returns:
        True inside.
    """
    return bool(_base(model).config._attn_implementation == NAME)


def _base(model: Any) -> Any:
    """Take the model out of its adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _unknown_part(model: Any) -> str | None:
    """Name the part of a model that would not ask a plan: a recurrent state, a convolution, a window in the mask."""
    if getattr(model, "_is_stateful", False):
        return "a recurrent state passes from token to token"
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None)
    if layers is None:
        windowed = getattr(config, "sliding_window", None)
        return "its attention has sliding_window" if windowed else None
    unknown = sorted(set(layers) - _KNOWN_LAYERS)
    return f"it has layers of type {', '.join(unknown)}" if unknown else None
