"""The cells of a comparison: one recipe with one seed, or a trial for its choice."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from rlsr.comparison.recipe import join_stages
from rlsr.config import RunConfig, stages_from_table
from rlsr.config.layers import Table
from rlsr.config.measurement import measured_alike
from rlsr.config.model import ModelConfig
from rlsr.errors import RunError
from rlsr.runs import RunDirectory
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.refused_writes import writing_to
from rlsr.runs.rows import HeldoutRow

Say = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """One recipe with one seed, or one combination of the values that it chooses from."""

    recipe: str
    """The recipe's name."""
    seed: int
    """The run's seed."""
    stages: tuple[RunConfig, ...]
    """The resolved config of each stage, seed included."""
    is_untrained: bool
    """Whether it is only evaluated."""
    directory: Path
    """Of the comparison."""
    trial: int | None = None
    """Place of the combination that it tries, counted from 1; None for a run that is compared."""
    again: str | None = None
    """The way in which what another cell has trained is measured once more; None for that cell itself."""
    is_mean: bool = False
    """Whether that is the mean of what all seeds have trained."""

    @property
    def name(self) -> str:
        """For people."""
        if self.is_untrained and self.again is None:
            return self.recipe
        part = None if self.is_mean else self._part.replace("-", " ")
        return ", ".join(filter(None, (self.recipe, part, self.again)))

    @property
    def _part(self) -> str:
        """Say which of the recipe's cells it is, in names of files."""
        return f"seed-{self.seed}" if self.trial is None else f"trial-{self.trial}"

    @property
    def place(self) -> str:
        """The directory of its run or pipeline, as seen from that of the comparison."""
        return f"{'runs' if self.trial is None else 'trials'}/{self.recipe}/{self._part}"

    @property
    def path(self) -> Path:
        """The directory of its run or pipeline."""
        return self.directory / self.place

    @property
    def config_file(self) -> Path:
        """Its config, for this process and for whoever wants to run it by hand."""
        return self.directory / "configs" / f"{self.recipe}.{self._part}.yaml"

    @property
    def log_file(self) -> Path:
        """Everything that its processes have said."""
        return self.directory / "logs" / f"{self.recipe}.{self._part}.txt"

    @property
    def runs(self) -> tuple[RunDirectory, ...]:
        """The runs of its stages that are to be, in order; of a pipeline that was not begun none."""
        if len(self.stages) == 1:
            return (RunDirectory(self.path),)
        is_there = PipelineDirectory.is_one(self.path)
        return PipelineDirectory.open(self.path).stages if is_there else ()

    @property
    def has_begun(self) -> bool:
        """Whether there is something to go on with."""
        return PipelineDirectory.is_one(self.path) or (self.path / "config.json").is_file()

    @property
    def is_complete(self) -> bool:
        """Whether all of it is done."""
        return bool(self.runs) and all(run.is_complete for run in self.runs)

    @property
    def policy(self) -> ModelConfig:
        """What it has trained, or only measures."""
        model = self.stages[-1].model
        return model if self.is_untrained else model.saved_in(self.runs[-1].final)

    @property
    def command(self) -> list[str]:
        """The arguments of ``rlsr`` that run it, or go on with it."""
        verb = "evaluate" if self.is_untrained else "train"
        what = ["--resume"] if self.has_begun else [str(self.config_file)]
        return [verb, *what, "--out", str(self.path)]

    @property
    def table(self) -> Table:
        """Its settings as ``rlsr train`` takes them."""
        return join_stages([stage.model_dump(mode="json") for stage in self.stages])

    def write_config(self) -> None:
        """Write its config where a process, or a person, reads it."""
        text = yaml.safe_dump(self.table, sort_keys=False, allow_unicode=True)
        with writing_to(self.config_file):
            self.config_file.parent.mkdir(parents=True, exist_ok=True)
            self.config_file.write_text(text, encoding="utf-8")


def reuse_answers(cell: Cell, others: Sequence[Cell]) -> None:
    """Give a cell that was not begun the answers of the policy before training, where another cell has them."""
    if cell.has_begun or cell.is_untrained:
        return
    rows = next((rows for other in others if (rows := _answers_for(cell, other))), None)
    if rows is None:
        return
    path = cell.path
    try:
        if len(cell.stages) > 1:
            path = PipelineDirectory.create(path, stages_from_table(cell.table)).stages[0].path
        run = RunDirectory.create(path, cell.stages[0])
    except RunError:
        # Something is in the way; the cell's own process says so, and the other cells are none the worse.
        return
    run.write_evaluation("before", rows)


def _answers_for(cell: Cell, other: Cell) -> list[HeldoutRow] | None:
    if not other.runs or not _starts_alike(cell.stages[0], other.stages[0]):
        return None
    return other.runs[0].read_evaluation("after" if other.is_untrained else "before")


def _starts_alike(config: RunConfig, other: RunConfig) -> bool:
    """Say whether two runs begin with the same policy, which is measured in the same way."""
    # New adapters change nothing before they are trained.
    models = [one.model.model_dump(exclude={"lora"}) for one in (config, other)]
    return models[0] == models[1] and measured_alike(config, other)


def remove_checkpoints(cell: Cell) -> None:
    """Remove from a complete cell what only an interrupted run needs, and from a trial its weights, which nobody goes on with."""
    assert cell.is_complete, "the checkpoints of a run that is not complete are needed"
    for run in cell.runs:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        if cell.trial is not None:
            shutil.rmtree(run.final, ignore_errors=True)
