"""From what runs measured along the way to curves with bands, differences by time, and crossings. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.comparison.curve import (
    BETWEEN,
    CurvePoint,
    Curves,
    PlainStep,
    Race,
    RecipeCurve,
    TimedDifference,
)
from rlsr.comparison.measured_run import MeasuredRun, Measurement, common_prompts
from rlsr.evaluation.metrics import SharedMetric
from rlsr.statistics import Estimate
from rlsr.statistics.against_baseline import paired
from rlsr.statistics.course import Course, knots, scores_at
from rlsr.statistics.crossed import crossed_means
from rlsr.statistics.crossing import Crossing, crossing
from rlsr.statistics.resamples import Floats


@dataclass(frozen=True)
class CurveSettings:
    """How curves are made."""

    rival: str
    """The recipe that the others are to pass."""
    baseline: str
    """The recipe that the others are compared with."""
    shares: tuple[float, ...]
    """Shares of the time at which all recipes are shown, without beginning and end."""
    confidence: float
    """Level of the intervals."""
    num_resamples: int
    """Of the bootstrap."""


def trace_curves(
    runs: Mapping[str, Sequence[MeasuredRun]],
    metrics: Sequence[SharedMetric],
    settings: CurveSettings,
    sft_step: PlainStep | None = None,
) -> Curves:
    """Draw every recipe over time, and set it beside its rivals.

    Args:
        runs: By recipe, one a seed in the same order, or one in all for an untrained policy.
        metrics: What all are measured by.
        settings: How.
        sft_step: What a step of plain SFT took.

    Returns:
        The curves, over the prompts that every measurement has.

    Raises:
        RunError: There are no such prompts.
    """
    prompts = common_prompts([run for of_recipe in runs.values() for run in of_recipe])
    tables = {
        name: [_Table.of(run, prompts, metrics) for run in of_recipe]
        for name, of_recipe in runs.items()
    }
    ends = {name: min(table.until for table in of_recipe) for name, of_recipe in tables.items()}
    times = _times(min(ends.values()), settings.shares)
    trained = [name for name, end in ends.items() if np.isfinite(end)]
    rivals = dict.fromkeys((settings.rival, settings.baseline))
    return Curves(
        num_prompts=len(prompts),
        confidence=settings.confidence,
        rival=settings.rival,
        sft_step=sft_step,
        recipes=tuple(
            RecipeCurve(
                name,
                _points(of_recipe, metrics, settings),
                _points_between(of_recipe, times, metrics, settings),
            )
            for name, of_recipe in tables.items()
        ),
        races=tuple(
            _race((name, tables[name]), (rival, tables[rival]), metrics, settings)
            for rival in rivals
            for name in trained
            if name != rival
        ),
    )


@dataclass(frozen=True)
class _Table:
    """The measurements of one run with their scores."""

    measurements: tuple[Measurement, ...]
    scores: Floats
    """(measurement, prompt, metric)."""
    until: float

    @classmethod
    def of(
        cls, run: MeasuredRun, prompts: Sequence[Any], metrics: Sequence[SharedMetric]
    ) -> "_Table":
        scores = [
            [
                [one.answers[key].scores.get(metric.name, np.nan) for metric in metrics]
                for key in prompts
            ]
            for one in run.measurements
        ]
        shape = (len(run.measurements), len(prompts), len(metrics))
        return cls(run.measurements, np.array(scores, dtype=np.float64).reshape(shape), run.until)

    @property
    def times(self) -> Floats:
        return np.array([one.seconds for one in self.measurements])

    def course(self, metric: int) -> Course:
        return Course(self.times, self.scores[:, :, metric], self.until)

    def costs(self) -> Course:
        """Steps and tokens over time, as if they were prompts."""
        numbers = [
            [one.num_steps, np.nan if one.tokens is None else one.tokens]
            for one in self.measurements
        ]
        return Course(self.times, np.array(numbers, dtype=np.float64), self.until)


def _times(until: float, shares: Sequence[float]) -> Floats:
    """List the times at which recipes are shown; of policies that nothing changes there is one."""
    if not np.isfinite(until):
        return np.zeros(1)
    return np.unique([0.0, *(share * until for share in shares), until])


def _points(
    tables: Sequence[_Table], metrics: Sequence[SharedMetric], settings: CurveSettings
) -> tuple[CurvePoint, ...]:
    """Estimate what every seed has measured."""
    places = [_labelled(table.measurements) for table in tables]
    shared = [label for label in places[0] if all(label in own for own in places)]
    shared.sort(
        key=lambda label: np.mean(
            [table.times[own[label]] for table, own in zip(tables, places, strict=True)]
        )
    )
    chosen = [[own[label] for label in shared] for own in places]
    found = [
        [table.measurements[place] for place in own]
        for table, own in zip(tables, chosen, strict=True)
    ]
    scores = np.stack(
        [table.scores[own] for table, own in zip(tables, chosen, strict=True)]
    )  # (seed, measurement, prompt, metric)
    means = _means(scores.transpose(0, 2, 1, 3), metrics, settings)
    return tuple(
        CurvePoint(
            label[0],
            float(np.mean([own[place].seconds for own in found])),
            float(np.mean([own[place].num_steps for own in found])),
            _mean_or_none([own[place].tokens for own in found]),
            means[place],
        )
        for place, label in enumerate(shared)
    )


def _labelled(measurements: Sequence[Measurement]) -> dict[tuple[str, int], int]:
    """Name what can be matched between seeds: the first, second, ... of each kind."""
    found = {}
    counted: Counter[str] = Counter()
    for place, one in enumerate(measurements):
        found[one.what, counted[one.what]] = place
        counted[one.what] += 1
    return found


def _points_between(
    tables: Sequence[_Table],
    times: Floats,
    metrics: Sequence[SharedMetric],
    settings: CurveSettings,
) -> tuple[CurvePoint, ...]:
    scores = np.stack(
        [
            scores_at([table.course(place) for table in tables], times)
            for place in range(len(metrics))
        ],
        axis=-1,
    )  # (seed, prompt, time, metric)
    means = _means(scores, metrics, settings)
    costs = scores_at([table.costs() for table in tables], times).mean(axis=0)
    return tuple(
        CurvePoint(BETWEEN, float(time), float(steps), _none_if_nan(tokens), mean)
        for time, steps, tokens, mean in zip(times, *costs, means, strict=True)
    )


def _race(
    ours: tuple[str, Sequence[_Table]],
    theirs: tuple[str, Sequence[_Table]],
    metrics: Sequence[SharedMetric],
    settings: CurveSettings,
) -> Race:
    name, own = ours
    rival, other = theirs
    until = min(table.until for table in (*own, *other))
    times = _times(until, settings.shares)
    differences: list[dict[str, Estimate]] = [{} for _ in times]
    crossings = {}
    for place, metric in enumerate(metrics):
        sides = [[table.course(place) for table in side] for side in (own, other)]
        found = crossed_means(
            paired(*(scores_at(side, times) for side in sides)), **_options(settings)
        )
        for at_time, estimate in zip(differences, found, strict=True):
            at_time[metric.name] = estimate
        crossed = _crossing(sides, until, metric, settings)
        if crossed is not None:
            crossings[metric.name] = crossed
    timed = zip(times, differences, strict=True)
    return Race(
        name, rival, tuple(TimedDifference(float(time), at) for time, at in timed), crossings
    )


def _crossing(
    sides: Sequence[Sequence[Course]],
    until: float,
    metric: SharedMetric,
    settings: CurveSettings,
) -> Crossing | None:
    if metric.better is None:
        return None
    times = knots([course for side in sides for course in side], until)
    ours, theirs = (scores_at(side, times) for side in sides)
    return crossing(ours, theirs, times, metric.better, **_options(settings))


def _means(
    scores: Floats, metrics: Sequence[SharedMetric], settings: CurveSettings
) -> list[dict[str, Estimate]]:
    """Estimate means, (seed, prompt, point, metric) in, a table by metric for each point out."""
    found = [
        crossed_means(scores[..., place], **_options(settings)) for place in range(len(metrics))
    ]
    names = [metric.name for metric in metrics]
    return [dict(zip(names, at_point, strict=True)) for at_point in zip(*found, strict=True)]


def _options(settings: CurveSettings) -> dict[str, Any]:
    return {"confidence": settings.confidence, "num_resamples": settings.num_resamples}


def _mean_or_none(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
