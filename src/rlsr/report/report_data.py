"""Puts together what a report shows: recipes with their runs, policies with their answers, and what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlsr.comparison.policies import AnsweringPolicy
from rlsr.comparison.result import Comparison, read_comparison
from rlsr.comparison.side_by_side import FILE, read_side_by_side, suites_side_by_side
from rlsr.errors import RunError
from rlsr.evaluation.kept import FILE as KEPT_EVALUATION
from rlsr.evaluation.kept import read_kept
from rlsr.evaluation.suites import HELDOUT
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.record import UNTRAINED, Run, is_run, read_run
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.step_totals import steps_taken

BEFORE = "before training"
"""Name of the policy that the runs began with."""


@dataclass(frozen=True)
class ReportedRecipe:
    """Runs that differ in their seed alone."""

    name: str
    """Unique in a report."""
    runs: Mapping[int, Run]
    """By seed."""


@dataclass(frozen=True)
class ReportData:
    """All that a report shows."""

    title: str
    """What was reported on, by the names of the directories."""
    recipes: tuple[ReportedRecipe, ...]
    """In the order of the command line or of the comparison."""
    policies: tuple[AnsweringPolicy, ...]
    """Those with answers."""
    comparison: Comparison | None = None
    """What a finished comparison found."""
    notices: tuple[str, ...] = field(default=())
    """What is missing or does not fit together, a sentence each."""
    suites: Mapping[str, Comparison] = field(default_factory=dict)
    """What evaluations have found by further suites, by name."""


class NothingToReport(RunError):
    """No step was trained yet, and no policy evaluated."""


def read_report_data(paths: Sequence[Path], read: Callable[[Path], Run] = read_run) -> ReportData:
    """Read what was named on the command line.

    Args:
        paths: Directories of runs and pipelines, or of one comparison; not empty.
        read: Reads one that is no comparison.

    Raises:
        NothingToReport: There is nothing to show yet.
        RunError: A directory is none of these, is damaged, or was named twice.
    """
    _refuse_twice(paths)
    comparisons = [path for path in paths if is_comparison(path)]
    if comparisons and len(paths) > 1:
        raise RunError(
            f"{comparisons[0]}: a comparison is reported on alone, got {len(paths)} directories; "
            f"name single runs of it instead, as in {comparisons[0] / 'runs' / 'RECIPE' / 'seed-0'}"
        )
    together = [path for path in paths if (path / FILE).is_file()]
    if together and len(paths) > 1:
        raise RunError(
            f"{together[0]}: models that were evaluated side by side are reported on alone, got {len(paths)} directories; name single "
            f"evaluations in it instead, as in {together[0] / 'MODEL'}"
        )
    if comparisons:
        data = _of_comparison(paths[0])
    else:
        data = _of_models(paths[0], read) if together else _of_runs(paths, read)
    if not data.policies and not data.suites and not any(
        stage.steps for recipe in data.recipes for run in recipe.runs.values() for stage in run.stages
    ):  # fmt: skip
        raise NothingToReport(
            f"{paths[0]}: there is nothing to report yet: no step was trained and no policy evaluated"
        )
    return data


def is_comparison(path: Path) -> bool:
    """Say whether a directory looks like a comparison: one was begun there."""
    return (path / "experiment.json").is_file() or (path / "compare.json").is_file()


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen: dict[Path, Path] = {}
    for path in paths:
        real = path.resolve()
        if real in seen:
            raise RunError(
                f"{path}: named twice (as {seen[real]} before); name each directory once"
            )
        seen[real] = path


def _of_runs(paths: Sequence[Path], read: Callable[[Path], Run]) -> ReportData:
    names = _names(paths)
    runs = {name: read(path) for name, path in zip(names, paths, strict=True)}
    policies = _policies_of_one(*runs.values()) if len(runs) == 1 else _policies_of_several(runs)
    recipes = tuple(ReportedRecipe(name, {_seed(run): run}) for name, run in runs.items())
    kept = {
        name: read_kept(run.path)
        for name, run in runs.items()
        if (run.path / KEPT_EVALUATION).is_file()
    }
    suites, odd = suites_side_by_side(kept, without=[HELDOUT])
    notices = [notice for name, run in runs.items() for notice in _missing(run, in_suites=name in kept)]  # fmt: skip
    return ReportData(
        ", ".join(names),
        recipes,
        policies,
        notices=(*notices, *_differing_prompts(policies), *odd),
        suites=suites,
    )


def _of_models(path: Path, read: Callable[[Path], Run]) -> ReportData:
    """Read models that were evaluated side by side; the held-out prompts, else those of the first suite, are the main part."""
    found = read_side_by_side(path / FILE)
    runs = {name: read(path / name) for name in found.models}
    main = HELDOUT if HELDOUT in found.suites else next(iter(found.suites))
    policies = tuple(
        AnsweringPolicy(
            name,
            {0: run.after},
            None if name == found.baseline else found.baseline,
            {0: run.stages},
        )
        for name, run in runs.items()
        if run.after
    )
    return ReportData(
        path.resolve().name,
        tuple(ReportedRecipe(name, {0: run}) for name, run in runs.items()),
        policies,
        found.suites[main],
        suites={name: one for name, one in found.suites.items() if name != main},
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Name directories by their last part, or as they were typed where that is not unique."""
    short = [path.resolve().name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]


def _seed(run: Run) -> int:
    seed = run.stages[0].config.get("seed", 0)
    return seed if isinstance(seed, int) else 0


def _policies_of_one(run: Run) -> tuple[AnsweringPolicy, ...]:
    seed = _seed(run)
    policies = []
    if run.before:
        policies.append(AnsweringPolicy(BEFORE, {seed: run.before}))
    for place, stage in enumerate(run.stages):
        if stage.after:
            name = f"after {stage.name}" if run.is_pipeline else "after training"
            policies.append(
                AnsweringPolicy(
                    name,
                    {seed: stage.after},
                    BEFORE if run.before else None,
                    {seed: run.stages[: place + 1]},
                )
            )
    return tuple(policies)


def _policies_of_several(runs: Mapping[str, Run]) -> tuple[AnsweringPolicy, ...]:
    """One column a run, after one for the policy that all began with, or one each where they differ."""
    befores = {_answers(run.before) for run in runs.values()}
    first = next(iter(runs.values()))
    shared = len(befores) == 1 and bool(first.before)
    policies = [AnsweringPolicy(BEFORE, {0: first.before})] if shared and first.before else []
    for name, run in runs.items():
        own = f"{name}, before"
        if run.before and not shared:
            policies.append(AnsweringPolicy(own, {_seed(run): run.before}))
        if run.after:
            start = BEFORE if shared else own if run.before else None
            policies.append(
                AnsweringPolicy(name, {_seed(run): run.after}, start, {_seed(run): run.stages})
            )
    return tuple(policies)


def _answers(rows: tuple[HeldoutRow, ...] | None) -> frozenset[tuple[str, ...]]:
    return frozenset((*row.key, row.response) for row in rows or ())


def _missing(run: Run, *, in_suites: bool = False) -> list[str]:
    """Say what a run does not have yet."""
    found = []
    if not run.is_complete:
        steps = sum(steps_taken(stage.steps) for stage in run.stages)
        rest = f"; not begun: {', '.join(run.missing_stages)}" if run.missing_stages else ""
        found.append(
            f"{run.path} is not complete: {steps} step{'' if steps == 1 else 's'} so far{rest}. This page shows what is there."
        )
    if run.is_complete and not run.after and not in_suites:
        found.append(f"{run.path} was not evaluated: it has no held-out answers to show.")
    return found


def _differing_prompts(policies: Sequence[AnsweringPolicy]) -> list[str]:
    prompts = [{row.key for row in rows} for policy in policies for rows in policy.answers.values()]
    if not prompts or all(keys == prompts[0] for keys in prompts):
        return []
    common = len(set.intersection(*prompts))
    shown = (
        f"the browser shows the {common} that all have"
        if common
        else "none is common to all, so there are no answers side by side"
    )
    return [
        f"The policies answered different held-out prompts: {shown}. Means are over each policy's own prompts, differences "
        "over those that both have."
    ]


def _of_comparison(path: Path) -> ReportData:
    file = path / "compare.json"
    comparison = read_comparison(file) if file.is_file() else None
    places = _places(path, comparison)
    notices = []
    if comparison is None:
        notices.append(
            f"{path} is not complete (no compare.json): the table has means of what is there, without differences."
        )
    recipes = []
    for name, by_seed in places.items():
        runs = {}
        for seed, place in sorted(by_seed.items()):
            if is_run(place) or PipelineDirectory.is_one(place):
                runs[seed] = read_run(place)
                notices += _missing(runs[seed])
            else:
                notices.append(f"{place} is missing: its curves and answers are left out.")
        recipes.append(ReportedRecipe(name, runs))
    policies = _policies_of_recipes(recipes, comparison)
    notices += _differing_prompts(policies)
    return ReportData(
        path.resolve().name, tuple(recipes), policies, comparison, tuple(notices)
    )  # fmt: skip


def _places(path: Path, comparison: Comparison | None) -> dict[str, dict[int, Path]]:
    """Find the runs by recipe and seed: as the comparison lists them, or as they lie there."""
    if comparison is not None:
        return {
            recipe.name: {run.seed: path / run.path for run in recipe.runs}
            for recipe in comparison.recipes
        }
    found: dict[str, dict[int, Path]] = {}
    for place in sorted((path / "runs").glob("*/seed-*")):
        number = place.name.removeprefix("seed-")
        if number.isdigit():
            found.setdefault(place.parent.name, {})[int(number)] = place
    return found


def _policies_of_recipes(
    recipes: Sequence[ReportedRecipe], comparison: Comparison | None
) -> tuple[AnsweringPolicy, ...]:
    baseline = comparison.baseline if comparison else None
    policies = []
    for recipe in recipes:
        answers = {seed: run.after for seed, run in recipe.runs.items() if run.after}
        if answers:
            against = None if recipe.name == baseline else baseline
            stages = {seed: run.stages for seed, run in recipe.runs.items()}
            policies.append(AnsweringPolicy(recipe.name, answers, against, stages))
    before = _start_of(recipes)
    return (before, *policies) if before else tuple(policies)


def _start_of(recipes: Sequence[ReportedRecipe]) -> AnsweringPolicy | None:
    """Show the policy that all recipes began with, unless one recipe is that policy."""
    runs = [(seed, run) for recipe in recipes for seed, run in recipe.runs.items()]
    if any(run.stages[-1].method == UNTRAINED for _, run in runs):
        return None
    before = {_answers(run.before): run.before for _, run in runs if run.before}
    return AnsweringPolicy(BEFORE, {0: before.popitem()[1]}) if len(before) == 1 else None
