"""``rlsr.compare``: what ``rlsr compare`` does, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsr.api.frames import to_frame
from rlsr.api.given_data import Data, GivenData
from rlsr.api.progress import Say, silent
from rlsr.api.settings import ConfigSource, Settings, overrides_of, read_layers
from rlsr.api.show import ShownTable
from rlsr.api.trained_run import TrainedRun
from rlsr.cli.arguments import default_directory
from rlsr.cli.comparison_table import sentences
from rlsr.cli.main import prepare_environment
from rlsr.comparison.again import measure_again, plan_again
from rlsr.comparison.at_once import AtOnce
from rlsr.comparison.experiment import ExperimentConfig, merge_experiment
from rlsr.comparison.markdown import write_comparison_markdown
from rlsr.comparison.plan import plan_comparison
from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.comparison.run import run_comparison
from rlsr.comparison.seats import seats_here, shared_time
from rlsr.errors import ConfigError, RunError
from rlsr.evaluation.metrics import SharedMetric, describe, labelled, primary_metrics
from rlsr.processes import require_one_process
from rlsr.runs.record import read_run
from rlsr.statistics.in_words import mean_with_interval


@dataclass(frozen=True, repr=False)
class ComparisonResult:
    """What a comparison has found."""

    comparison: Comparison
    """All of it."""
    path: Path
    """The directory with ``compare.json``, ``compare.md`` and the runs."""
    again: Mapping[str, "ComparisonResult"] = field(default_factory=dict)
    """What was found where the policies were measured in other ways, by the name of each."""

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One row a recipe and metric: the ``mean`` with its interval, and the ``difference`` to the baseline with its own."""
        return [
            _row(recipe, metric)
            for recipe in self.comparison.recipes
            for metric in self.comparison.metrics
            if metric.name in recipe.metrics
        ]

    def to_pandas(self) -> Any:
        """Make a pandas frame of ``metrics``.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return to_frame(self.metrics)

    def run(self, recipe: str, seed: int | None = None) -> TrainedRun:
        """Read one of the runs.

        Args:
            recipe: Its name.
            seed: Of the run; the first one if not given.

        Raises:
            RunError: There is no such run, or it has gone.
        """
        runs = {
            (found.name, run.seed): self.path / run.path
            for found in self.comparison.recipes
            for run in found.runs
        }
        for (name, own), path in runs.items():
            if name == recipe and seed in {None, own}:
                return TrainedRun(read_run(path))
        known = ", ".join(f"{name} with seed {own}" for name, own in runs)
        asked = recipe if seed is None else f"{recipe} with seed {seed}"
        raise RunError(f"{self.path}: no run of {asked} in this comparison, which has {known}")

    @property
    def _table(self) -> ShownTable:
        found = self.comparison
        metrics = primary_metrics(found.metrics)
        headings = [labelled(metric.name, in_reward=metric.in_reward) for metric in metrics]
        rows = [[recipe.name, *_means(recipe, metrics)] for recipe in found.recipes]
        return ShownTable(
            f"{len(found.recipes)} recipes on {found.num_prompts} held-out prompts",
            ("recipe", *headings),
            rows,
            notes=[*sentences(found), *found.notes, f"all metrics: {self.path / 'compare.md'}"],
        )

    def __repr__(self) -> str:
        names = ", ".join(recipe.name for recipe in self.comparison.recipes)
        return f"ComparisonResult({str(self.path)!r}: {names})"

    def __str__(self) -> str:
        return self._table.text

    def _repr_html_(self) -> str:
        return self._table.html


def _means(recipe: ComparedRecipe, metrics: Sequence[SharedMetric]) -> list[str]:
    return [
        mean_with_interval(recipe.metrics[metric.name].mean, describe(metric.name).digits)
        for metric in metrics
    ]


def _row(recipe: ComparedRecipe, metric: SharedMetric) -> dict[str, Any]:
    found = recipe.metrics[metric.name]
    difference = found.difference
    return {
        "recipe": recipe.name,
        "metric": metric.name,
        "in_reward": metric.in_reward,
        "mean": found.mean.mean,
        "low": found.mean.low,
        "high": found.mean.high,
        "difference": None if difference is None else difference.mean,
        "difference_low": None if difference is None else difference.low,
        "difference_high": None if difference is None else difference.high,
        "verdict": found.verdict,
    }


def compare(
    experiment: ConfigSource,
    *,
    data: Data | None = None,
    heldout: Data | None = None,
    settings: Settings = (),
    out: str | Path | None = None,
    jobs: int = 1,
    say: Say | None = print,
) -> ComparisonResult:
    """Train recipes with the same budget and compare them on held-out prompts.

    Args:
        experiment: Its YAML file, or the same as a table.
        data: What all recipes train on, in place of ``base.data``: a file, a Hugging Face id, or rows in memory, which the directory
            keeps.
        heldout: The same of held-out data.
        settings: Settings over the experiment, as ``{"budget.amount": 60}``.
        out: The directory, ``runs/NAME-DATE-TIME`` if not given; a comparison that was interrupted goes on there.
        jobs: How many runs go at once, at least 1; each has a GPU of its own as far as there are GPUs, and its share of the threads.
        say: Told what happens, line by line; None for silence.

    Raises:
        RlsrError: The experiment or a recipe cannot be used, the directory is taken, or runs failed.
    """
    require_one_process("rlsr.compare")
    if jobs < 1:
        raise ConfigError(f"jobs: at least one run goes at a time, got {jobs}")
    prepare_environment()
    given, (table,) = GivenData.of(data, heldout), read_layers(experiment)
    overrides = overrides_of(settings)
    file = None if isinstance(experiment, Mapping) else Path(experiment).expanduser()
    files = [] if file is None else [file]
    path = Path(out).expanduser() if out else default_directory("runs", files, "comparison")
    with given.kept_in(path) as named:
        checked = merge_experiment(
            table,
            [*({"base": setting} for setting in named), *overrides],
            directory=Path() if file is None else file.parent,
        )
        return _compare(checked, path, jobs, say or silent)


def _compare(experiment: ExperimentConfig, path: Path, jobs: int, say: Say) -> ComparisonResult:
    plan = plan_comparison(experiment)
    ways = plan_again(experiment, plan.recipes)
    seats = seats_here(jobs, plan.devices)
    plan = plan.with_warnings(shared_time(seats, experiment.budget.by))
    for warning in plan.warnings:
        say(f"warning: {warning}")
    comparison = run_comparison(plan, path, say, at_once=AtOnce(seats))
    once_more = measure_again(plan, ways, comparison, path, say, at_once=AtOnce(seats))
    again = {}
    for way in ways:
        again[way.name] = ComparisonResult(once_more[way.name], way.directory(path))
    for found in (result := ComparisonResult(comparison, path, again), *again.values()):
        write_comparison_markdown(found.path / "compare.md", found.comparison)
    return result
