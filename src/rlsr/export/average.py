"""The mean of the weights of several runs, as a model with a card."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError
from rlsr.export.description import describe_generation, describe_model
from rlsr.export.marker import complete_export, require_place
from rlsr.export.merge import MERGED_IN, write_merged
from rlsr.export.plan import Form, require_room, size_of_whole
from rlsr.models import load_tokenizer
from rlsr.models.adapters import CONFIG_FILE
from rlsr.models.load import require_undamaged
from rlsr.models.mean import require_alike, write_mean
from rlsr.models.mean_of_adapters import are_adapters
from rlsr.models.weight_files import WEIGHTS, Dtype, cast_weights, dtypes_of, sizes_in
from rlsr.runs.json_file import read_json
from rlsr.runs.lineage import find_trained, model_before
from rlsr.runs.whole_directory import write_directory

_WHAT: Mapping[Form, str] = {
    "whole": "weights",
    "adapters": "changes that the adapters make",
    "merged": "changes that the adapters make, merged,",
}


@dataclass(frozen=True)
class AveragePlan:
    """Which weights are averaged, and where to."""

    models: tuple[Path, ...]
    """Their directories, of which the first one gives the tokenizer and the settings, too."""
    target: Path
    """The directory that is made."""
    form: Form
    """Whole weights, adapters of the rank of all together, or those merged into their base model."""
    dtype: Dtype
    """Of the weights that are written."""
    num_bytes: int
    """Of what is written."""
    scale: float
    """How far to go from what the runs began with, in ways to the mean."""
    begun: tuple[Path, ...]
    """What the runs began with, one each; empty for a scale of 1, and for adapters that were new."""


def plan_average(
    paths: Sequence[Path],
    target: Path,
    *,
    merge: bool,
    dtype: Dtype | None,
    overwrite: bool,
    scale: float = 1.0,
) -> AveragePlan:
    """Check everything that a mean of weights needs, and write nothing.

    Args:
        paths: Runs, stages, of which the last one is meant, or directories with models or adapters; at least two.
        target: The directory that is to be made.
        merge: Whether the mean of adapters is merged into their base model.
        dtype: Of the weights; None is that of the first model.
        overwrite: Whether a mean or an export of before may be replaced.
        scale: Of what the last stage of the runs has changed, above 0; 1 is their mean.

    Raises:
        ConfigError: There are fewer than two models, one is no directory of weights, or the mean is to be scaled and it is not known from where.
        ModelError: A model is damaged, or does not have the weights and the tokenizer of the first one.
        RunError: A run has no model yet, the place is taken, or there is no room.
    """
    models = tuple(map(_model_of, paths))
    if len({model.resolve() for model in models}) < max(2, len(models)):
        raise ConfigError(
            f"a mean is of two models or more, each named once, got {', '.join(map(str, paths)) or 'none'}"
        )
    require_place(target, overwrite=overwrite)
    begun = _begun(paths, models, scale)
    for path in (*models, *begun):
        if target.resolve().is_relative_to(path.resolve()):
            raise ConfigError(f"--to: must lie outside of {path}; name another directory")
        require_undamaged(ModelConfig(name=str(path)))
    for path in (*models[1:], *begun):
        require_alike(models[0], path)
    wanted = dtype or dtypes_of(models[0]).most_common(1)[0][0]
    size = sum(size for _, size in sizes_in(models[0], wanted))
    form: Form = "whole"
    if are_adapters(models[0]):
        form = "merged" if merge else "adapters"
        own = ModelConfig(name=str(models[0]))
        size = size_of_whole(own, wanted) if merge else (len(models) + len(begun)) * size
    require_room(target, size)
    return AveragePlan(models, target, form, wanted, size, scale, begun)


def write_average(plan: AveragePlan) -> tuple[float, ...]:
    """Write the mean, rounded once.

    Args:
        plan: What ``plan_average`` returned.

    Returns:
        How far each model is from the first one, as ``write_mean`` returns it.

    Raises:
        ModelError: The models do not stem from the same one; nothing is written.
        RunError: The place cannot be written; what stood there stays.
    """
    apart: list[float] = []
    write_directory(plan.target, lambda place: apart.extend(_fill(plan, place)))
    return tuple(apart)


def _fill(plan: AveragePlan, place: Path) -> Sequence[float]:
    if plan.form == "merged":
        with TemporaryDirectory(dir=place) as adapters:
            apart = _write_mean(plan, Path(adapters), MERGED_IN)
            write_merged(ModelConfig(name=adapters), place)
        if plan.dtype != MERGED_IN:
            cast_weights(place, plan.dtype)
    else:
        apart = _write_mean(plan, place, plan.dtype)
    describe_model(place, plan.dtype)
    if plan.form != "adapters" and not _is_scorer(place):
        describe_generation(place, load_tokenizer(ModelConfig(name=str(place))))
    facts = {"form": "mean", "of": len(plan.models), "scale": plan.scale, "dtype": plan.dtype}
    complete_export(place, _card(plan), facts)
    return apart


def _write_mean(plan: AveragePlan, place: Path, dtype: Dtype) -> Sequence[float]:
    return write_mean(plan.models, place, dtype, begun=plan.begun, scale=plan.scale)


def _begun(paths: Sequence[Path], models: Sequence[Path], scale: float) -> tuple[Path, ...]:
    """Find what the runs began with, where a scale asks for it."""
    if not (math.isfinite(scale) and scale > 0):
        raise ConfigError(f"--scale: must be a number above 0, got {scale:g}; 1 is the mean")
    if scale == 1:
        return ()
    starts = [_start_of(path, model, scale) for path, model in zip(paths, models, strict=True)]
    return tuple(start for start in starts if start is not None)


def _start_of(path: Path, model: Path, scale: float) -> Path | None:
    """Find what a run began with; None where its adapters were new, and had changed nothing yet."""
    trained = find_trained(path)
    if trained is None:
        raise ConfigError(
            f"--scale {scale:g}: goes on from what each run began with, got {path}, which is a model and no run; name the run that has trained it"
        )
    start, name = model_before(trained.run), trained.run.read_config().model.name
    if are_adapters(model):
        base = read_json(model / CONFIG_FILE)["base_model_name_or_path"]
        were_new = base == name if start is None else not are_adapters(start)
        if were_new:
            return None
    if start is None:
        raise ConfigError(
            f"--scale {scale:g}: needs the weights that {path} began with in a directory, as those of an SFT before it are, got {name}"
        )
    return start


def _model_of(path: Path) -> Path:
    trained = find_trained(path)
    model = path if trained is None else trained.directory
    described = any((model / name).is_file() for name in ("config.json", CONFIG_FILE))
    if not described or not list(model.glob(WEIGHTS)):
        raise ConfigError(
            f"{path}: must be a run, stages or a directory with config.json or {CONFIG_FILE}, and {WEIGHTS}, got "
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
        f"The mean of the {_WHAT[plan.form]} of {len(plan.models)} models, each trained by rlsr from the same one:",
        "",
        *(f"- {name}" for name in _names(plan.models)),
        "",
        *_scaled(plan.scale),
        "It was not measured when it was made: `rlsr evaluate` lets it answer held-out prompts.",
        "",
    ]
    return "\n".join(lines)


def _scaled(scale: float) -> list[str]:
    if scale == 1:
        return []
    return [
        f"What their last stage has changed is scaled by {scale:g} (`rlsr average --scale`).",
        "",
    ]


def _names(models: Sequence[Path]) -> list[str]:
    """Name models by their runs, without the directories of this machine."""
    paths = [path.parent if path.name == "final" else path for path in map(Path.resolve, models)]
    shared = Path(os.path.commonpath(paths))
    # A run beside its own checkpoints.
    within = shared.parent if shared in paths else shared
    return [path.relative_to(within).as_posix() for path in paths]
