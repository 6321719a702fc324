"""Gradients of one policy that several processes have computed."""

from collections.abc import Iterable

import torch

BUCKET = 2**24
"""Numbers that are sent at a time: enough that sending does not wait, few enough that the float32 copy is small."""


def average_gradients(weights: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the mean of the gradients of all, added up in float32.

    Args:
        weights: The policy's, in the same order in every process; those that are not trained are left alone, and where a
            process has no gradient, its gradient is 0.
    """
    for bucket in _buckets([weight for weight in weights if weight.requires_grad]):
        flat = torch.cat([_gradient(weight).flatten().float() for weight in bucket])
        torch.distributed.all_reduce(flat)
        flat /= torch.distributed.get_world_size()
        sizes = [weight.numel() for weight in bucket]
        for weight, mean in zip(bucket, flat.split(sizes), strict=True):
            weight.grad = mean.view_as(weight).to(weight.dtype)


def _gradient(weight: torch.nn.Parameter) -> torch.Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _buckets(weights: list[torch.nn.Parameter]) -> Iterable[list[torch.nn.Parameter]]:
    bucket: list[torch.nn.Parameter] = []
    size = 0
    for weight in weights:
        if bucket and size + weight.numel() > BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(weight)
        size += weight.numel()
    if bucket:
        yield bucket
