"""The reference policy: the policy before training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
