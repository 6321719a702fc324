"""The mean of the weights of several runs, as a model: what they have learnt in common stays, and the chance of each is averaged out.

Wortsman et al., "Model soups", arXiv 2203.05482; of policies trained by RL: Rame et al., "WARP", arXiv 2406.16768.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError, ModelError
from rlsr.export.description import describe_generation, describe_model
from rlsr.export.marker import complete_export, require_place
from rlsr.export.plan import files_to_copy, require_room
from rlsr.export.weights import WEIGHTS, Dtype, cast_weights, dtypes_of, opened, size_in
from rlsr.models import load_tokenizer
from rlsr.models.load import require_undamaged
from rlsr.runs.json_file import read_json
from rlsr.runs.lineage import find_trained
from rlsr.runs.whole_directory import write_directory

MOST_APART = 0.5
"""Runs from one model are a few hundredths apart; two models that were never the same are 1.4 apart, and their mean answers nothing."""


@dataclass(frozen=True)
class AveragePlan:
    """Which weights are averaged, and where to."""

    models: tuple[Path, ...]
    """Their directories, of which the first one gives the tokenizer and the settings, too."""
    target: Path
    """The directory that is made."""
    dtype: Dtype
    """Of the weights that are written."""
    num_bytes: int
    """Of what is written."""


def plan_average(
    paths: Sequence[Path], target: Path, *, dtype: Dtype | None, overwrite: bool
) -> AveragePlan:
    """Check everything that a mean of weights needs, and write nothing.

    Args:
        paths: Runs, stages, of which the last one is meant, or directories with whole models; at least two.
        target: The directory that is to be made.
        dtype: Of the weights; None is that of the first model.
        overwrite: Whether a mean or an export of before may be replaced.

    Raises:
        ConfigError: There are fewer than two models, or one is no directory of whole weights.
        ModelError: A model is damaged, or does not have the weights and the tokenizer of the first one.
        RunError: A run has no model yet, the place is taken, or there is no room.
    """
    models = tuple(map(_model_of, paths))
    if len({model.resolve() for model in models}) < max(2, len(models)):
        raise ConfigError(
            f"a mean is of two models or more, each named once, got {', '.join(map(str, paths)) or 'none'}"
        )
    require_place(target, overwrite=overwrite)
    for path in models:
        if target.resolve().is_relative_to(path.resolve()):
            raise ConfigError(f"--to: must lie outside of {path}; name another directory")
        require_undamaged(ModelConfig(name=str(path)))
    for path in models[1:]:
        _require_alike(models[0], path)
    wanted = dtype or dtypes_of(models[0]).most_common(1)[0][0]
    size = sum(
        size_in(file, wanted) if file.match(WEIGHTS) else file.stat().st_size
        for file in files_to_copy(models[0])
    )
    require_room(target, size)
    return AveragePlan(models, target, wanted, size)


def write_average(plan: AveragePlan) -> tuple[float, ...]:
    """Write the mean, rounded once.

    Args:
        plan: What ``plan_average`` returned.

    Returns:
        How far each model is from the first one: the length of the difference over that of the first one's weights, matrices alone.

    Raises:
        ModelError: The models do not stem from the same one; nothing is written.
        RunError: The place cannot be written; what stood there stays.
    """
    apart: list[float] = []
    write_directory(plan.target, lambda place: apart.extend(_fill(plan, place)))
    return tuple(apart)


def _fill(plan: AveragePlan, place: Path) -> list[float]:
    first, *others = plan.models
    for file in files_to_copy(first):
        if not file.match(WEIGHTS):
            shutil.copyfile(file, place / file.name)
    apart = _write_mean(plan.models, place)
    for model, distance in zip(others, apart[1:], strict=True):
        if distance > MOST_APART:
            raise ModelError(
                f"{model}: its weights are {distance:.2f} of their length from those of {first}, so that the two were not trained from the same "
                "model, and a mean of them would answer nothing; average runs that began with one model"
            )
    cast_weights(place, plan.dtype)
    describe_model(place, plan.dtype)
    if not _is_scorer(place):
        describe_generation(place, load_tokenizer(ModelConfig(name=str(place))))
    complete_export(
        place, _card(plan), {"form": "mean", "of": len(plan.models), "dtype": plan.dtype}
    )
    return apart


def _write_mean(models: Sequence[Path], place: Path) -> list[float]:
    """Write means in float32, a file of the first model at a time; say how far each model is from the first."""
    import torch
    from safetensors.torch import save_file

    length = 0.0
    squares = [0.0] * len(models)
    readers = [dict(_tensors(model)) for model in models]
    for file in sorted(models[0].glob(WEIGHTS)):
        found = {}
        own = opened(file)
        for name in own.keys():  # noqa: SIM118 - no dictionary
            weights = [reader[name].get_tensor(name) for reader in readers]
            if not weights[0].is_floating_point():
                found[name] = weights[0]
                continue
            widened = [weight.float() for weight in weights]
            found[name] = torch.stack(widened).mean(0)
            # The scales of norms are alike in models that have nothing in common.
            if widened[0].ndim > 1:
                length += float(widened[0].double().square().sum())
                for number, weight in enumerate(widened):
                    squares[number] += float((weight - widened[0]).double().square().sum())
        save_file(found, place / file.name, metadata=own.metadata())
    return [(square / length) ** 0.5 for square in squares]


def _model_of(path: Path) -> Path:
    trained = find_trained(path)
    model = path if trained is None else trained.directory
    if (model / "adapter_config.json").is_file():
        raise ConfigError(
            f"{path}: has adapters, and a mean of their factors is no mean of what they do; write a whole model by `rlsr export {path} --merge --to "
            "DIR`, and average those"
        )
    if not (model / "config.json").is_file() or not list(model.glob(WEIGHTS)):
        raise ConfigError(
            f"{path}: must be a run, stages or a directory with config.json and {WEIGHTS}, got "
            f"{'another directory' if path.is_dir() else 'nothing that is there'}"
        )
    return model


def _require_alike(first: Path, other: Path) -> None:
    """Refuse a model of another form, before anything of it is read."""
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
    return {name: tuple(reader.get_slice(name).get_shape()) for name, reader in _tensors(model)}


def _tensors(model: Path) -> Iterator[tuple[str, Any]]:
    """List the weights of a model, each with the open file that has it."""
    for file in sorted(model.glob(WEIGHTS)):
        reader = opened(file)
        for name in reader.keys():  # noqa: SIM118 - no dictionary
            yield name, reader


def _is_scorer(model: Path) -> bool:
    names = read_json(model / "config.json").get("architectures") or []
    return any(name.endswith("ForSequenceClassification") for name in names)


def _card(plan: AveragePlan) -> str:
    lines = [
        f"# {plan.target.name}",
        "",
        f"The mean of the weights of {len(plan.models)} models, each trained by rlsr from the same one:",
        "",
        *(f"- {name}" for name in _names(plan.models)),
        "",
        "It was not measured when it was made: `rlsr evaluate` lets it answer held-out prompts.",
        "",
    ]
    return "\n".join(lines)


def _names(models: Sequence[Path]) -> list[str]:
    """Name models by their runs, without the directories of this machine."""
    paths = [path.parent if path.name == "final" else path for path in map(Path.resolve, models)]
    shared = os.path.commonpath(paths)
    return [path.relative_to(shared).as_posix() for path in paths]
