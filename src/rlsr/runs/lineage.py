"""The run that a path stands for, its model, and the runs before it whose models it went on from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsr.config.model import ModelConfig
from rlsr.errors import RunError
from rlsr.runs.directory import RunDirectory
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.trained_models import trained_models

_MODEL_FILES = ("config.json", "adapter_config.json")


@dataclass(frozen=True)
class TrainedModel:
    """A model that a run has left."""

    directory: Path
    """Where it lies: ``final/``, or the weights after a step."""
    line: tuple[RunDirectory, ...]
    """The runs that it comes from, the first one first; at least one."""

    @property
    def run(self) -> RunDirectory:
        """The run that has left it."""
        return self.line[-1]

    @property
    def origin(self) -> ModelConfig:
        """What the first of the runs began with."""
        return self.line[0].read_config().model

    @property
    def config(self) -> ModelConfig:
        """The model, to be loaded from where it lies."""
        return self.run.read_config().model.saved_in(self.directory)


def find_trained(path: Path, step: int | None = None) -> TrainedModel | None:
    """Find the model that a path stands for.

    Args:
        path: A run, stages, of which the last one is meant, the ``final/`` of a run, or anything else.
        step: After which its weights are wanted, where the run still has them; None is ``final/``.

    Returns:
        The model with the runs that it comes from; None where the path has to do with no run.

    Raises:
        RunError: The run has no model yet, or not of that step.
    """
    if path.name == "final" and trained_models(path.resolve().parent) == [path.resolve()]:
        path = path.resolve().parent
    finals = trained_models(path)
    if not finals:
        return None
    run = RunDirectory(finals[-1].parent)
    if step is not None:
        return TrainedModel(_saved_after(run, step), runs_behind(run))
    if not has_model(run.final):
        if run.is_complete:
            raise RunError(
                f"{path}: has trained no model, since it is an evaluation; name the run that has, or the model itself"
            )
        there = [final for final in finals[:-1] if has_model(final)]
        way_out = f"name {there[-1].parent}, which has one" if there else "wait for its end"
        saved = saved_steps(run)
        if saved:
            way_out += f", or name {run.path} with --step, one of {', '.join(map(str, saved))}"
        raise RunError(
            f"{path}: has no trained model yet ({run.final} is not there); {way_out}, or go on with `rlsr train --resume --out {path}`"
        )
    return TrainedModel(run.final, runs_behind(run))


def runs_behind(run: RunDirectory) -> tuple[RunDirectory, ...]:
    """List the runs that a run's model comes from, itself the last one.

    Args:
        run: Begun.
    """
    line = [run]
    while (before := _run_before(line[0])) is not None and before.path not in {
        one.path for one in line
    }:
        line.insert(0, before)
    return tuple(line)


def model_before(run: RunDirectory) -> Path | None:
    """Find the model or the adapters that a run began with, also where both were moved together.

    Args:
        run: Begun.

    Returns:
        Their directory; None where the run began with a model by its name, or with what is not there any more.
    """
    named = Path(run.read_config().model.name)
    moved = run.path.parent / named.parent.name / named.name
    return next((place for place in (named, moved) if has_model(place)), None)


def has_model(directory: Path) -> bool:
    """Say whether a model or adapters lie in a directory."""
    return any((directory / name).is_file() for name in _MODEL_FILES)


def saved_steps(run: RunDirectory) -> Sequence[int]:
    """List the steps after which the weights of a run are still there, rising.

    Args:
        run: Of any state.
    """
    places = [*run.checkpoints.glob("checkpoint-*"), *run.best.glob("step-*")]
    numbers = (place.name.rpartition("-")[2] for place in places if has_model(place))
    return sorted({int(number) for number in numbers if number.isdecimal()})


def _saved_after(run: RunDirectory, step: int) -> Path:
    for place in (run.checkpoints / f"checkpoint-{step}", run.best / f"step-{step:06d}"):
        if has_model(place):
            return place
    saved = ", ".join(map(str, saved_steps(run))) or "those of no step"
    raise RunError(
        f"--step: {run.path} has the weights after {saved}, got {step}; take one of them, or leave it out for final/"
    )


def _run_before(run: RunDirectory) -> RunDirectory | None:
    """Find the run whose ``final/`` a run began with, also where both were moved together."""
    began_with = Path(run.read_config().model.name)
    if began_with.name != "final":
        return None
    for place in (began_with.parent, run.path.parent / began_with.parent.name):
        if trained_models(place) and not PipelineDirectory.is_one(place):
            return RunDirectory(place)
    return None
