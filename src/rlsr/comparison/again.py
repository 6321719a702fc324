"""The policies that a comparison has trained, measured once more: by drawn answers, on other prompts, or as the mean of the seeds.

Greedy answers hide a part of what training does and flatter another; answers at temperature 1 show the policy that was
trained, and prompts of another set show what it has forgotten. The mean of the weights of a recipe's seeds is one policy more,
with less of each seed's chance in it. Nothing is trained again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rlsr.comparison.at_once import AtOnce
from rlsr.comparison.averages import (
    AVERAGED,
    require_one_base,
    with_cost_of_all_seeds,
    write_means,
)
from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.collect import collect
from rlsr.comparison.experiment import ExperimentConfig
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.recipe import Recipe, within
from rlsr.comparison.result import Comparison, read_comparison, write_comparison
from rlsr.comparison.run import failure, open_comparison, run_all
from rlsr.comparison.trials import Failed
from rlsr.config import RunConfig
from rlsr.config.layers import Table, expand, merge
from rlsr.config.load import check_config
from rlsr.config.model import ModelConfig
from rlsr.config.validation import ValidationConfig
from rlsr.errors import ConfigError, RunError
from rlsr.evaluation.metrics import SharedMetric, in_reward, shared_metrics
from rlsr.evaluation.suites import require_heldout
from rlsr.pipeline.plan import plan_run
from rlsr.runs.owner import owned
from rlsr.runs.whole_directory import copy_directory


@dataclass(frozen=True)
class Again:
    """One way to measure what is trained."""

    name: str
    """As in the experiment."""
    settings: Table
    """What differs from ``base``, as in the experiment."""
    config: RunConfig
    """That of the policy before training, measured in this way."""
    metrics: tuple[SharedMetric, ...]
    """What every policy is measured by."""
    num_heldout: int
    """Prompts."""
    data_sha256: str
    """Hash of the records."""
    averages: bool = False
    """Whether it is the mean of the weights of a recipe's seeds that is measured."""

    @property
    def in_words(self) -> str:
        """By which settings this differs from the comparison itself."""
        if self.averages:
            return f"{self.name}: of each recipe the mean of the weights of all its seeds, as one policy more; what it cost is what they cost together"
        settings = ", ".join(
            f"{table}.{key}={value}"
            for table, values in expand(self.settings).items()
            for key, value in values.items()
        )
        return f"{self.name}: the same policies measured once more, with {settings}"

    def directory(self, path: Path) -> Path:
        """Where it is kept, in the directory of the comparison."""
        return path / "again" / self.name


def plan_again(experiment: ExperimentConfig, recipes: Sequence[Recipe]) -> tuple[Again, ...]:
    """Check every other way to measure before anything is trained.

    Args:
        experiment: With the settings of each.
        recipes: Resolved, with the longest response filled in.

    Returns:
        In the order of the experiment.

    Raises:
        RlsrError: Settings break a rule, or nothing would be measured; the message names the way.
    """
    ways = [
        _plan(name, settings, experiment, recipes) for name, settings in experiment.again.items()
    ]
    if experiment.average:
        require_one_base(recipes)
        ways.insert(0, replace(_plan(AVERAGED, {}, experiment, recipes), averages=True))
    return tuple(ways)


def _plan(
    name: str, settings: Table, experiment: ExperimentConfig, recipes: Sequence[Recipe]
) -> Again:
    stages = [stage for recipe in recipes for stage in recipe.possible_stages]
    try:
        config = check_config(merge(expand(experiment.base), expand(settings)))
        limit = {"max_response_tokens": stages[0].method.max_response_tokens}
        config = config.model_copy(
            update={
                "method": config.method.model_copy(update=limit),
                # Nothing is trained, so nothing is set aside for it.
                "validation": ValidationConfig(),
            }
        )
        plan = plan_run(config, trains=False)
        require_heldout(plan.config, plan.dataset)
    except ConfigError as error:
        raise within(f"again.{name}", error) from error
    metrics = tuple(
        replace(metric, in_reward=any(in_reward(metric.name, stage) for stage in stages))
        for metric in shared_metrics([plan.config])
    )
    return Again(
        name, settings, plan.config, metrics, len(plan.dataset.heldout), plan.dataset.sha256
    )


def measure_again(
    plan: ComparisonPlan,
    ways: Sequence[Again],
    comparison: Comparison,
    path: Path,
    say: Say,
    *,
    at_once: AtOnce | None = None,
    execute: Callable[[Cell, Say], int] | None = None,
) -> dict[str, Comparison]:
    """Measure the policies of a complete comparison in other ways, as far as that is not done yet.

    Args:
        plan: Of the comparison.
        ways: What ``plan_again`` returned.
        comparison: What it has found.
        path: Its directory; each way has ``again/NAME/compare.json`` there.
        say: Told what happens, line by line.
        at_once: Runs cells at the same time; None runs one after another.
        execute: Runs a cell and returns its exit code; None is a process of ``at_once``.

    Returns:
        What was found, by name of the way.

    Raises:
        RunError: Cells failed; the message says how to go on.
        ConfigError: Something was measured before under the same name by other settings.
    """
    trained = plan.cells(path, {choice.recipe: choice.chosen for choice in comparison.choices})
    at_once = at_once or AtOnce()
    run = partial(run_all, say=say, at_once=at_once, execute=execute or at_once.run_cell, keep=True)
    with owned(path):
        return {way.name: _measure(plan, way, comparison, trained, path, say, run) for way in ways}


def _measure(
    plan: ComparisonPlan,
    way: Again,
    comparison: Comparison,
    trained: Sequence[Cell],
    path: Path,
    say: Say,
    run: Callable[..., Failed],
) -> Comparison:
    directory = way.directory(path)
    config = way.config.model_dump(mode="json", exclude={"model", "seed"})
    open_comparison({"again": config, "data_sha256": way.data_sha256}, directory)
    file = directory / "compare.json"
    if file.is_file():
        return read_comparison(file)
    measured = replace(plan, metrics=way.metrics, num_heldout=way.num_heldout)
    if way.averages:
        cells = _of_means(trained, way, say)
        trained = [cell for cell in trained if cell.place in cells]
        measured = measured.with_seeds(plan.experiment.seeds[:1])
    else:
        cells = {cell.place: _once_more(cell, way, cell.policy) for cell in trained}
    failed = run(list(cells.values()), kind=f"{way.name} ")
    if failed:
        raise RunError(failure(failed, len(cells), path))
    found = collect(measured, trained, answered=cells)
    if way.averages:
        found = with_cost_of_all_seeds(found, comparison)
    found = replace(found, notes=(way.in_words, *found.notes))
    write_comparison(file, found)
    return found


def _of_means(trained: Sequence[Cell], way: Again, say: Say) -> dict[str, Cell]:
    """Make the cells that measure means of seeds, by the place of the first cell of their recipe."""
    means = write_means(trained, way.directory(trained[0].directory) / "models", say)
    found = {}
    for first in trained:
        if first.seed != trained[0].seed:
            continue
        mean = first.policy.saved_in(means[first.recipe]) if first.recipe in means else first.policy
        found[first.place] = replace(_once_more(first, way, mean), is_mean=not first.is_untrained)
        if first.is_untrained:
            # It is measured already.
            copy_directory(found[first.place].path, first.path)
    return found


def _once_more(cell: Cell, way: Again, model: ModelConfig) -> Cell:
    """Make the cell that measures what another has trained."""
    config = way.config.model_copy(update={"model": model, "seed": cell.seed})
    return replace(
        cell,
        stages=(config,),
        is_untrained=True,
        directory=way.directory(cell.directory),
        again=way.name,
    )
