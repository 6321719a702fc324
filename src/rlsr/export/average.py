"""The mean of the weights of several runs, as a model with a card."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError
from rlsr.export.description import describe_generation, describe_model
from rlsr.export.marker import complete_export, require_place
from rlsr.export.plan import require_room
from rlsr.models import load_tokenizer
from rlsr.models.load import require_undamaged
from rlsr.models.mean import require_alike, write_mean
from rlsr.models.weight_files import WEIGHTS, Dtype, dtypes_of, model_files, size_in
from rlsr.runs.json_file import read_json
from rlsr.runs.lineage import find_trained
from rlsr.runs.whole_directory import write_directory


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
        require_alike(models[0], path)
    wanted = dtype or dtypes_of(models[0]).most_common(1)[0][0]
    size = sum(
        size_in(file, wanted) if file.match(WEIGHTS) else file.stat().st_size
        for file in model_files(models[0])
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


def _fill(plan: AveragePlan, place: Path) -> Sequence[float]:
    apart = write_mean(plan.models, place, plan.dtype)
    describe_model(place, plan.dtype)
    if not _is_scorer(place):
        describe_generation(place, load_tokenizer(ModelConfig(name=str(place))))
    complete_export(
        place, _card(plan), {"form": "mean", "of": len(plan.models), "dtype": plan.dtype}
    )
    return apart


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
