"""The charts of what came out: differences from the baseline with their intervals, and where the time went."""

import math
from collections.abc import Sequence

from rlsr.comparison.result import Comparison
from rlsr.comparison.words import Tone, tone
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.report.report_data import ReportedRecipe
from rlsr.report.run_charts import Figure
from rlsr.report.vega import Chart, chart
from rlsr.runs.record import Run
from rlsr.runs.rows import StepRow
from rlsr.runs.step_metrics import STEP_PHASES, STEP_SECONDS
from rlsr.runs.step_totals import scored
from rlsr.statistics.against_baseline import NO_DIFFERENCE

PHASES = (*STEP_PHASES, "heldout", "other")
"""Parts of a step's time; ``heldout`` measures for a stopping rule, ``other`` is what the others leave."""

_DIRECTIONS = {
    "higher": "Right is better.",
    "lower": "Left is better.",
    "near_one": "Best where the length itself is near 1.",
}
_NOT_READ = "not read"
_TONES: dict[Tone, str] = {"good": "better", "bad": "worse", "": "different", "even": NO_DIFFERENCE}
_COLOURS = {"better": "var(--ok)", "worse": "var(--fail)", "different": "var(--ink)", NO_DIFFERENCE: "var(--quiet)", _NOT_READ: "var(--quiet)"}  # fmt: skip
_SHAPES = {"better": "triangle-up", "worse": "triangle-down", "different": "diamond", NO_DIFFERENCE: "circle", _NOT_READ: "circle"}  # fmt: skip


def difference_figures(comparison: Comparison) -> list[Figure]:
    """Draw each metric's differences from the baseline.

    Args:
        comparison: What was found.

    Returns:
        A figure a metric, those that are not in the reward first; none where only one recipe has differences, which the
        table tells as well.
    """
    if sum(recipe.compared_with is not None for recipe in comparison.recipes) < 2:
        return []
    found = []
    for place, metric in enumerate(sorted(comparison.metrics, key=lambda metric: metric.in_reward)):
        rows = _difference_rows(metric, comparison)
        if rows:
            title = describe(metric.name).label
            caption = _DIRECTIONS.get(metric.better or "", "")
            if metric.in_reward:
                caption = f"{caption} In the reward.".strip()
            found.append(Figure(f"difference-{place}", title, caption, _differences(rows)))
    return found


def phases_of(recipes: Sequence[ReportedRecipe]) -> dict[str, str]:
    """List the phases that took time, each with the variable of the page's style that has its colour."""
    return {
        phase: f"var(--phase-{index})"
        for index, phase in enumerate(PHASES)
        if any(_seconds(run, phase) > 0 for recipe in recipes for run in recipe.runs.values())
    }


def time_figure(recipes: Sequence[ReportedRecipe]) -> Figure | None:
    """Draw where the time of training went, stacked bars, a recipe each; None where no time was measured."""
    rows = [
        {"recipe": recipe.name, "phase": phase, "order": PHASES.index(phase), "seconds": seconds}
        for recipe in recipes
        if recipe.runs
        for phase in PHASES
        if (seconds := _mean_seconds(list(recipe.runs.values()), phase)) > 0
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(str(row["recipe"]) for row in rows))
    colours = [f"var(--phase-{index})" for index in range(len(PHASES))]
    bars: Chart = {
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {
            "x": {"field": "seconds", "type": "quantitative", "title": "seconds", "stack": "zero", "axis": {"tickCount": 6}},
            "color": {"field": "phase", "type": "nominal", "scale": {"domain": list(PHASES), "range": colours}, "legend": None},
            "order": {"field": "order"},
            "tooltip": [{"field": "recipe"}, {"field": "phase"}, {"field": "seconds", "format": ".1f"}],
        },
    }  # fmt: skip
    shown = chart(
        [bars], height=34 * len(names), data={"values": rows}, encoding={"y": _names(names)}
    )
    return Figure(
        "time",
        "Where the time went",
        "Seconds of all steps by phase, mean over seeds; evaluation and loading are not counted.",
        shown,
    )


def _difference_rows(metric: SharedMetric, comparison: Comparison) -> list[Chart]:
    rows = []
    for recipe in comparison.recipes:
        found = recipe.metrics.get(metric.name)
        difference = found.difference if found else None
        if found is None or difference is None:
            continue
        mean, low, high = difference.mean, difference.low, difference.high
        if all(map(math.isfinite, (mean, low, high))):
            told = f"{mean:+.4g} [{low:+.4g}, {high:+.4g}]"
            rows.append(
                {"recipe": recipe.name, "mean": mean, "low": low, "high": high, "verdict": found.verdict or _NOT_READ,
                 "tone": _TONES[tone(metric, found.verdict)] if found.verdict else _NOT_READ, "difference": told}
            )  # fmt: skip
    return rows


def _differences(rows: Sequence[Chart]) -> Chart:
    axis = {"type": "quantitative", "title": None, "scale": {"padding": 8},
        "axis": {"tickCount": 4, "labelExpr": "datum.value == 0 ? '0' : format(datum.value, '+~g')"},
    }  # fmt: skip
    tone = {"field": "tone", "type": "nominal", "legend": None}
    coloured = {**tone, "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())}}
    layers: list[Chart] = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "stroke": "var(--quiet)"},
            "encoding": {"x": {**axis, "field": "zero"}, "y": {"value": 0}, "y2": {"value": "height"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"x": {**axis, "field": "low"}, "x2": {"field": "high"}, "color": coloured},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {
                "x": {**axis, "field": "mean"},
                "color": coloured,
                "shape": {**tone, "scale": {"domain": list(_SHAPES), "range": list(_SHAPES.values())}},
                "tooltip": [{"field": name} for name in ("recipe", "difference", "verdict")],
            },
        },
    ]  # fmt: skip
    names = [str(row["recipe"]) for row in rows]
    return chart(
        layers, height=30 * len(rows), data={"values": list(rows)}, encoding={"y": _names(names)}
    )


def _names(names: Sequence[str]) -> Chart:
    return {
        "field": "recipe",
        "type": "nominal",
        "sort": list(names),
        "title": None,
        "axis": {"labelLimit": 130, "labelPadding": 8, "ticks": False, "domain": False},
    }


def _mean_seconds(runs: Sequence[Run], phase: str) -> float:
    return sum(_seconds(run, phase) for run in runs) / len(runs)


def _seconds(run: Run, phase: str) -> float:
    steps = [row for stage in run.stages for row in stage.steps]
    if phase != "other":
        return sum(scored(steps, f"time/{phase}"))
    return sum(max(sum(scored([step], STEP_SECONDS)) - _explained(step), 0.0) for step in steps)


def _explained(step: StepRow) -> float:
    """Add up the phases of a step; what is measured on validation prompts comes after it."""
    return sum(sum(scored([step], f"time/{phase}")) for phase in STEP_PHASES)
