"""Asking a policy in the middle of its training without a trace: the next step is the one that it would have been."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Put everything back that answering and scoring may touch: the generators of random numbers, and layers in training mode.

    Rewards and metrics of other packages may draw from the generators that training draws from.

    Args:
        model: The policy that is trained.

    Yields:
        Nothing.
    """
    modes = [(module, module.training) for module in model.modules()]
    own, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - others draw from it
    devices = [model.device] if model.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(own)
        np.random.set_state(of_numpy)  # noqa: NPY002 - see above
        for module, training in modes:
            module.training = training
