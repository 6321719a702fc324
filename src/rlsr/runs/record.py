"""What a run or a pipeline left on disk, complete or not, read and checked at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rlsr.config import RunConfig, config_from_table
from rlsr.config.file_names import is_file_name
from rlsr.errors import ConfigError, RunError
from rlsr.runs.along_the_way import EvaluatedStep
from rlsr.runs.directory import RunDirectory
from rlsr.runs.json_file import RESTORE, Row, read_json
from rlsr.runs.pipeline_directory import FILE, PipelineDirectory
from rlsr.runs.rows import HeldoutRow, StepRow

UNTRAINED = "untrained"
"""Stands for the method of a policy that was only evaluated."""


@dataclass(frozen=True)
class Stage:
    """One run directory: a whole run, or a stage of a pipeline."""

    name: str
    """Name of the directory."""
    path: Path
    """The directory."""
    config: Row
    """The resolved config as it was written; empty if there is none."""
    sessions: tuple[Row, ...]
    """With what each session ran."""
    steps: tuple[StepRow, ...]
    """The numbers of each step, in order."""
    before: tuple[HeldoutRow, ...] | None
    """The evaluation before training; None if there is none."""
    after: tuple[HeldoutRow, ...] | None
    """The evaluation after training; None if there is none."""
    along_the_way: tuple[EvaluatedStep, ...]
    """The evaluations while training, in order; empty where there were none."""
    manifest: Row | None
    """The summary that is written last; None means that the run is not complete."""

    @cached_property
    def method(self) -> str:
        """Name of the training method; ``UNTRAINED`` for a policy that was only evaluated."""
        if self.manifest is not None and self.manifest.get("num_steps") == 0:
            return UNTRAINED
        method = self.config.get("method")
        return str(method.get("type", "rlsr")) if isinstance(method, Mapping) else "unknown method"

    @cached_property
    def known_config(self) -> RunConfig | None:
        """The config as this version reads it; None where it cannot."""
        try:
            return config_from_table(self.config)
        except ConfigError:
            return None


@dataclass(frozen=True)
class Run:
    """A run, or a pipeline of runs that each go on from the policy of the one before."""

    path: Path
    """The directory that was named."""
    stages: tuple[Stage, ...]
    """At least one, in order."""
    missing_stages: tuple[str, ...] = ()
    """Stages of a pipeline that were not begun."""

    @property
    def is_pipeline(self) -> bool:
        """Whether it has stages of its own."""
        return self.stages[0].path != self.path

    @property
    def is_complete(self) -> bool:
        """Whether every stage reached its end."""
        return not self.missing_stages and all(stage.manifest is not None for stage in self.stages)

    @property
    def before(self) -> tuple[HeldoutRow, ...] | None:
        """The evaluation of the policy that training began with."""
        return self.stages[0].before

    @property
    def after(self) -> tuple[HeldoutRow, ...] | None:
        """The evaluation of the policy that came out; None where the last stage has none."""
        return None if self.missing_stages else self.stages[-1].after


def is_run(path: Path) -> bool:
    """Say whether a directory looks like one run: one was begun there, or a policy evaluated."""
    files = ("config.json", "manifest.json", "evaluation/after.jsonl", "evaluation/before.jsonl")
    return any((path / file).is_file() for file in files)


def read_run(path: Path) -> Run:
    """Read a run or a pipeline, complete or not.

    Args:
        path: Its directory.

    Raises:
        RunError: It is neither, no stage of it was begun, or one of its files is damaged.
    """
    begun, missing = stage_directories(path)
    if not begun:
        raise RunError(
            f"{path}: no stage of this pipeline was begun ({', '.join(missing) or 'it has none'}); "
            "there is nothing to report yet"
        )
    return Run(path, tuple(map(_read_stage, begun)), missing)


def stage_directories(path: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Find the run directories of a run or a pipeline.

    Args:
        path: Its directory.

    Returns:
        Those that were begun, in order, which is the directory itself where it has no stages; and the names of the stages that
        were not.

    Raises:
        RunError: It is neither, or its list of stages is damaged.
    """
    if PipelineDirectory.is_one(path):
        names = _stage_names(path)
        missing = tuple(name for name in names if not is_run(path / name))
        return tuple(path / name for name in names if name not in missing), missing
    if not is_run(path):
        raise RunError(
            f"{path}: expected the directory of a run, a pipeline or a comparison (with a config.json, pipeline.json or "
            f"experiment.json), got {_what_is_there(path)}; name the directory that rlsr train or rlsr compare made"
        )
    return (path,), ()


def _what_is_there(path: Path) -> str:
    if not path.exists():
        return "nothing (there is no such directory)"
    return "another directory" if path.is_dir() else "a file"


def _stage_names(path: Path) -> list[str]:
    file = path / FILE
    try:
        names = [str(stage["name"]) for stage in read_json(file)["stages"]]
    except (KeyError, TypeError) as error:
        raise RunError(f"{file}: damaged: expected stages with a name each; {RESTORE}") from error
    for name in names:
        if not is_file_name(name):
            raise RunError(
                f"{file}: damaged: a stage's name is that of a directory, got {name!r}; {RESTORE}"
            )
    return names


def _read_stage(path: Path) -> Stage:
    run = RunDirectory(path)
    try:
        before, after = (run.read_evaluation(when) for when in ("before", "after"))
        return Stage(
            name=path.resolve().name,
            path=path,
            config=run.read_settings(),
            sessions=tuple(run.read_sessions()),
            steps=tuple(run.read_metrics()),
            before=None if before is None else tuple(before),
            after=None if after is None else tuple(after),
            along_the_way=tuple(run.read_evaluated_steps()),
            manifest=run.read_manifest() if run.is_complete else None,
        )
    except RunError as error:
        raise RunError(f"{error}, or leave the directory out of the report") from error
