"""The mean of the weights that a policy has had after its steps, which has less noise than the last ones.

Shamir and Zhang, "Stochastic Gradient Descent for Non-smooth Optimization", ICML 2013, section 4 (polynomial-decay averaging): the
later steps count more, by a power of their number, so that nobody has to know beforehand how long a run will be.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from rlsr.models.weight_files import opened

_FILE = "weight_mean.tensors"
"""As safetensors, but not called so: the checkpoint's own model is all that is."""


class WeightMean:
    """The mean of the weights that are trained, in float32, over the steps so far.

    Args:
        power: Of a step's number, by which its weights count: 0 is the plain mean, and the larger it is, the more the last ones count.
    """

    def __init__(self, power: float) -> None:
        self._power = power
        self._num_steps = 0
        self._mean: dict[str, torch.Tensor] = {}

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def add(self, model: Any) -> None:
        """Take in the weights after a step.

        Args:
            model: The policy; what is not trained of it stays as it is, and needs no mean.
        """
        self._num_steps += 1
        share = (self._power + 1) / (self._power + self._num_steps)
        for name, weight in _trained(model).items():
            if self._num_steps == 1:
                self._mean[name] = weight.detach().float().clone()
            else:
                self._mean[name].lerp_(weight.detach().float(), share)

    @contextmanager
    def in_place_of_the_weights(self, model: Any) -> Iterator[None]:
        """Give a policy the mean for a while; before the first step there is none, and it keeps its own weights.

        Args:
            model: The policy, whose weights come back as they were.
        """
        weights = _trained(model) if self._mean else {}
        own = {name: weight.data for name, weight in weights.items()}
        for name, weight in weights.items():
            weight.data = self._mean[name].to(weight.dtype)
        try:
            yield
        finally:
            for name, weight in weights.items():
                weight.data = own[name]

    def save(self, checkpoint: Path) -> None:
        """Write the mean beside a checkpoint's other files."""
        tensors = {name: weight.contiguous() for name, weight in self._mean.items()}
        save_file(tensors, checkpoint / _FILE, metadata={"num_steps": str(self._num_steps)})

    def load(self, checkpoint: Path, model: Any) -> None:
        """Go on from a checkpoint.

        Args:
            checkpoint: Its directory.
            model: The policy, which says where the mean lies.
        """
        with opened(checkpoint / _FILE) as saved:
            self._num_steps = int(saved.metadata()["num_steps"])
            self._mean = {
                name: saved.get_tensor(name).to(weight.device)
                for name, weight in _trained(model).items()
            }


def _trained(model: Any) -> Mapping[str, Any]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
