"""The numbers of all steps of all runs as one table, which the charts share."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.evaluation.metrics import labelled
from rlsr.report.heldout_course import HELDOUT, heldout_course, metric_name
from rlsr.report.report_data import ReportedRecipe
from rlsr.rewards import reward_kind
from rlsr.runs.record import Run
from rlsr.runs.step_metrics import VALIDATION, StepMetric, step_metrics
from rlsr.runs.step_totals import step_seconds

MEAN = "mean"
"""Stands for the seed in the lines that are the mean of several."""

# More points than this a line has no pixels for.
_MAX_POINTS = 250
_DIGITS = 5

# Vega-Lite takes these for code where they stand in the name of a column.
_HARMLESS = str.maketrans({".": "·", "[": "(", "]": ")", "'": "`", '"': "”", "\\": "/"})

MEASURED = (VALIDATION, HELDOUT)
"""Heads of what is measured after some steps alone."""

Values = Mapping[str, float]


@dataclass(frozen=True)
class Series:
    """Numbers over time."""

    columns: tuple[str, ...]
    """``recipe``, ``seed``, ``main``, ``method``, ``step``, ``seconds`` and the names of the metrics."""
    rows: tuple[tuple[Any, ...], ...]
    """One a step and run, then one a step of the mean over several seeds; None where nothing was scored. ``main`` is 1 in
    the line that stands for the recipe: the mean, or the only seed."""
    steps_per_point: int
    """Steps that a point is the mean of; 1 unless a run is long."""
    metrics: tuple[StepMetric, ...] = ()
    """What the metrics are, in the order in which they are shown."""

    def numbers(
        self, name: str, *, recipe: str | None = None, method: str | None = None, main: int = 1
    ) -> list[float]:
        """List what was scored.

        Args:
            name: As in ``metrics.jsonl``.
            recipe: Of this recipe only, if given.
            method: Of this method only, if given.
            main: 1 for the lines that stand for their recipes, 0 for the single seeds beside them.

        Returns:
            The numbers; empty where there are none.
        """
        if name not in self.columns:
            return []
        wanted = {"main": main, "recipe": recipe, "method": method}
        places = [(self.columns.index(key), value) for key, value in wanted.items()]
        place = self.columns.index(name)
        return [
            float(row[place])
            for row in self.rows
            if row[place] is not None and all(value in (None, row[at]) for at, value in places)
        ]

    def has(self, name: str) -> bool:
        """Say whether a metric was scored anywhere, so that there is a line to draw."""
        return bool(self.numbers(name))

    def has_seeds(self, name: str, *, method: str | None = None) -> bool:
        """Say whether a metric has lines of single seeds beside those of the recipes."""
        return bool(self.numbers(name, method=method, main=0))

    def methods_with(self, name: str) -> list[str]:
        """List the methods that have a metric, in the order of the rows."""
        place = self.columns.index("method")
        methods = dict.fromkeys(str(row[place]) for row in self.rows)
        return [method for method in methods if self.numbers(name, method=method)]


@dataclass(frozen=True)
class _Point:
    method: str
    step: int
    values: Values


def step_series(recipes: Sequence[ReportedRecipe]) -> Series:
    """Put the numbers of all steps into one table.

    Stages of a pipeline stand one after another: steps and seconds go on counting.

    Args:
        recipes: What was trained.

    Returns:
        The table; a long run is thinned by means over neighbouring steps.
    """
    runs = {recipe.name: _lines(recipe) for recipe in recipes}
    longest = max((len(points) for lines in runs.values() for points in lines.values()), default=0)
    width = max(1, math.ceil(longest / _MAX_POINTS))
    names = sorted(
        {
            name
            for lines in runs.values()
            for points in lines.values()
            for point in points
            for name in point.values
        }
        - {"step", "seconds"}
    )
    rows: list[tuple[Any, ...]] = []
    for recipe in recipes:
        lines = {seed: _thinned(points, width) for seed, points in runs[recipe.name].items()}
        for seed, points in lines.items():
            main = int(len(lines) == 1)
            rows += [_row(recipe.name, str(seed), main, point, names) for point in points]
        if len(lines) > 1:
            rows += [
                _row(recipe.name, MEAN, 1, point, names)
                for point in _mean_line(list(lines.values()))
            ]
    columns = ("recipe", "seed", "main", "method", "step", "seconds", *names)
    further = {**_reward_parts(recipes), **_heldout_metrics(names)}
    return Series(columns, tuple(rows), width, tuple(step_metrics(names, further)))


def _heldout_metrics(names: Sequence[str]) -> dict[str, StepMetric]:
    """Describe what was measured on held-out prompts along the way."""
    caption = "Of the held-out prompts that were answered along the way; the last point is the policy that was kept."
    return {
        name: StepMetric(name, labelled(metric_name(name), in_reward=False), caption)
        for name in names
        if is_of(name, HELDOUT)
    }


def is_of(name: str, *heads: str) -> bool:
    """Say whether a metric is of one of these kinds."""
    return name.partition("/")[0] in heads


def _reward_parts(recipes: Sequence[ReportedRecipe]) -> dict[str, StepMetric]:
    """Describe what the rewards are made of, as they say it themselves; of a config that cannot be read it is not known."""
    stages = [stage for recipe in recipes for run in recipe.runs.values() for stage in run.stages]
    return {
        part.column: StepMetric(
            part.column,
            part.title,
            part.caption,
            drawn="if_above_zero" if part.is_share else "always",
        )
        for stage in stages
        if (config := stage.known_config) is not None
        for part in reward_kind(config).parts(config)
    }


def _lines(recipe: ReportedRecipe) -> dict[int, list[_Point]]:
    """List the steps of every seed that has taken one."""
    lines = {seed: _points(run) for seed, run in recipe.runs.items()}
    return {seed: points for seed, points in lines.items() if points}


def _points(run: Run) -> list[_Point]:
    """Number the steps of all stages through, with the seconds that steps have taken so far."""
    points: list[_Point] = []
    seconds, steps = 0.0, 0
    for place, stage in enumerate(run.stages):
        course = heldout_course(stage, is_first=place == 0)
        # Before the first step there is a row only where validation has measured.
        begins = (
            [{"step": 0.0}] if 0 in course and not any(r["step"] == 0 for r in stage.steps) else []
        )
        for row in [*begins, *stage.steps]:
            seconds += step_seconds(row)
            step = int(row["step"])
            measured = {**row, **course.get(step, {})}
            values = {name.translate(_HARMLESS): value for name, value in measured.items()}
            points.append(_Point(stage.method, steps + step, {**values, "seconds": seconds}))
        steps = points[-1].step if points else 0
    return points


def _thinned(points: Sequence[_Point], width: int) -> list[_Point]:
    """Take means over neighbouring steps of the same stage."""
    if width == 1:
        return list(points)
    groups: dict[tuple[str, int], list[_Point]] = {}
    for place, point in enumerate(points):
        groups.setdefault((point.method, place // width), []).append(point)
    return [
        _Point(method, group[-1].step, {**_mean(group), "seconds": group[-1].values["seconds"]})
        for (method, _), group in groups.items()
    ]


def _mean_line(lines: Sequence[Sequence[_Point]]) -> list[_Point]:
    """Take means over seeds, in each stage as far as all have come that reached it: past that the line would jump."""
    found: dict[tuple[str, int], list[_Point]] = {}
    reached = Counter(method for line in lines for method in {point.method for point in line})
    for line in lines:
        for point in line:
            found.setdefault((point.method, point.step), []).append(point)
    points = [
        _Point(method, step, _mean_of_seeds(together))
        for (method, step), together in found.items()
        if len(together) == reached[method]
    ]
    return sorted(points, key=lambda point: point.step)


def _mean_of_seeds(points: Sequence[_Point]) -> dict[str, float]:
    """Take means over seeds; what was measured after this step of some of them alone would be theirs and no mean."""
    return {
        name: value
        for name, value in _mean(points).items()
        if not is_of(name, *MEASURED)
        or all(math.isfinite(point.values.get(name, math.nan)) for point in points)
    }


def _mean(points: Sequence[_Point]) -> dict[str, float]:
    names = {name for point in points for name in point.values}
    return {name: _scored_mean([p.values.get(name, math.nan) for p in points]) for name in names}


def _scored_mean(values: Sequence[float]) -> float:
    scored = [value for value in values if math.isfinite(value)]
    return float(np.mean(scored)) if scored else math.nan


def _row(recipe: str, seed: str, main: int, point: _Point, names: Sequence[str]) -> tuple[Any, ...]:
    values = (_rounded(point.values.get(name, math.nan)) for name in ("seconds", *names))
    return (recipe, seed, main, point.method, point.step, *values)


def _rounded(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
