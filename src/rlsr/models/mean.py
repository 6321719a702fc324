"""The mean of the weights of several models: what they have learnt in common stays, and the chance of each is averaged out.

Wortsman et al., "Model soups", arXiv 2203.05482; of policies trained by RL: Rame et al., "WARP", arXiv 2406.16768. What they have learnt can be scaled, as
Ilharco et al., "Editing models with task arithmetic", arXiv 2212.04089, and, beyond the end of training, Zheng et al., "Model extrapolation expedites
alignment", arXiv 2404.16792, do.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rlsr.errors import ModelError
from rlsr.models.mean_of_adapters import (
    are_adapters,
    require_plain_adapters,
    require_same_base,
    write_mean_of_adapters,
)
from rlsr.models.weight_files import WEIGHTS, Dtype, cast_weights, model_files, opened, tensors_in

MOST_APART = 1.0
"""Runs from one model are hundredths apart, or tenths where little was learnt before; two models that were never the same are 1.4 apart, and their mean answers nothing."""


def require_alike(first: Path, other: Path) -> None:
    """Refuse a model of another form, before any weight of it is read.

    Args:
        first: The directory of a whole model or of adapters.
        other: That of another.

    Raises:
        ModelError: Their weights have other names or shapes, their tokenizers or the models that adapters stand on differ, or one has adapters that have
            no mean.
    """
    if are_adapters(first) != are_adapters(other):
        adapters = first if are_adapters(first) else other
        raise ModelError(
            f"{adapters}: has adapters, and {other if adapters == first else first} whole weights; write a whole model by `rlsr export RUN --merge --to DIR`, "
            "and average those"
        )
    if are_adapters(first):
        for model in (first, other):
            require_plain_adapters(model)
        require_same_base(first, other)
    shapes, others = _shapes(first), _shapes(other)
    differing = sorted(name for name in shapes.keys() | others.keys() if shapes.get(name) != others.get(name))  # fmt: skip
    if differing:
        name = differing[0]
        raise ModelError(
            f"{other}: must have the weights of {first}, got {name} as {others.get(name, 'none')} in the place of {shapes.get(name, 'none')}; average "
            "runs that began with one model"
        )
    texts = [(model / "tokenizer.json") for model in (first, other)]
    if all(file.is_file() for file in texts) and len({file.read_bytes() for file in texts}) > 1:
        raise ModelError(
            f"{other}: must have the tokenizer of {first}, and has another; average runs that began with one model"
        )


def _shapes(model: Path) -> dict[str, tuple[int, ...]]:
    return {name: tuple(reader.get_slice(name).get_shape()) for name, reader in tensors_in(model)}


def write_mean(
    models: Sequence[Path],
    place: Path,
    dtype: Dtype,
    *,
    begun: Sequence[Path] = (),
    scale: float = 1.0,
) -> tuple[float, ...]:
    """Write the mean of the weights of models, or of what adapters do, rounded once, with the tokenizer and the settings of the first one.

    With W the mean of the models and S that of what they began with, S + scale (W - S) is written, so that a scale of 1 is the mean.

    Args:
        models: Directories of models of the same form, as ``require_alike`` finds them.
        place: An empty directory.
        dtype: Of the weights that are written.
        begun: What the models began with, in their form, one for each; of adapters those that began as adapters, since others began with no change. A
            scale of 1 needs none.
        scale: Above 0.

    Returns:
        How far each model is from the first one: the length of the difference over that of the first one's weights, matrices alone; of adapters, over that
        of what the first ones add.

    Raises:
        ModelError: The models do not stem from the same one, or the type cannot hold a weight.
    """
    for file in model_files(models[0]):
        if not file.match(WEIGHTS):
            shutil.copyfile(file, place / file.name)
    if are_adapters(models[0]):
        apart = write_mean_of_adapters(models, place, begun, scale)
        cast_weights(place, dtype)
        return apart
    apart = _write_in_float32(models, place, begun, scale)
    for model, distance in zip((*models, *begun), apart, strict=True):
        if distance > MOST_APART:
            raise ModelError(
                f"{model}: its weights are {distance:.2f} of their length from those of {models[0]}, so that the two were not trained from the same "
                "model, and a mean of them would answer nothing; average runs that began with one model"
            )
    cast_weights(place, dtype)
    return apart[: len(models)]


def _write_in_float32(
    models: Sequence[Path], place: Path, begun: Sequence[Path], scale: float
) -> tuple[float, ...]:
    """Write means, a file of the first model at a time, and measure how far the models, and what they began with, are from it."""
    import torch
    from safetensors.torch import save_file

    length = 0.0
    readers = [dict(tensors_in(model)) for model in (*models, *begun)]
    squares = [0.0] * len(readers)
    for file in sorted(models[0].glob(WEIGHTS)):
        found = {}
        own = opened(file)
        for name in own.keys():  # noqa: SIM118 - no dictionary
            weights = [reader[name].get_tensor(name) for reader in readers]
            if not weights[0].is_floating_point():
                found[name] = weights[0]
                continue
            widened = [weight.float() for weight in weights]
            found[name] = torch.stack(widened[: len(models)]).mean(0)
            if begun:
                found[name].lerp_(torch.stack(widened[len(models) :]).mean(0), 1 - scale)
            # The scales of norms are alike in models that have nothing in common.
            if widened[0].ndim > 1:
                length += float(widened[0].double().square().sum())
                for number, weight in enumerate(widened):
                    squares[number] += float((weight - widened[0]).double().square().sum())
        save_file(found, place / file.name, metadata=own.metadata())
    return tuple((square / length) ** 0.5 for square in squares)
