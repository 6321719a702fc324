"""The charts of what came out: differences from the baseline with their intervals, and where the time went."""

import math
from collections.abc import Mapping, Sequence

from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.report.findings import NO_DIFFERENCE
from rlsr.report.report_data import Recipe
from rlsr.report.results import Results
from rlsr.report.run_charts import Figure
from rlsr.report.run_data import Run
from rlsr.report.vega import Chart, chart
from rlsr.runs.step_metrics import STEP_PHASES, STEP_SECONDS

PHASES = (*STEP_PHASES, "heldout", "other")
"""Parts of a step's time; ``heldout`` measures for a stopping rule, ``other`` is what the others leave."""

_DIRECTIONS = {
    "higher": "Right is better.",
    "lower": "Left is better.",
    "near_one": "Best where the length itself is near 1.",
}
_TONES = {"better": "var(--ok)", "worse": "var(--fail)", "different": "var(--ink)", NO_DIFFERENCE: "var(--quiet)"}  # fmt: skip
_SHAPES = {"better": "triangle-up", "worse": "triangle-down", "different": "diamond", NO_DIFFERENCE: "circle"}  # fmt: skip


def difference_figures(results: Results) -> list[Figure]:
    """Draw each metric's differences from the baseline.

    Args:
        results: What was found.

    Returns:
        A figure a metric, those that are not in the reward first; none where only one column has differences, which the
        table tells as well.
    """
    if sum(column.compared_with is not None for column in results.columns) < 2:
        return []
    found = []
    for place, metric in enumerate(sorted(results.metrics, key=lambda metric: metric.in_reward)):
        rows = _difference_rows(metric, results)
        if rows:
            title = describe(metric.name).label
            caption = _DIRECTIONS.get(metric.better or "", "")
            if metric.in_reward:
                caption = f"{caption} In the reward.".strip()
            found.append(Figure(f"difference-{place}", title, caption, _differences(rows)))
    return found


def phases_of(recipes: Sequence[Recipe]) -> dict[str, str]:
    """List the phases that took time.

    Args:
        recipes: What was trained.

    Returns:
        The variable of the page's style with its colour, by phase.
    """
    return {
        phase: f"var(--phase-{index})"
        for index, phase in enumerate(PHASES)
        if any(_seconds(run, phase) > 0 for recipe in recipes for run in recipe.runs.values())
    }


def time_figure(recipes: Sequence[Recipe]) -> Figure | None:
    """Draw where the time of training went.

    Args:
        recipes: What was trained.

    Returns:
        Stacked bars, a recipe each; None where no time was measured.
    """
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


def _difference_rows(metric: SharedMetric, results: Results) -> list[Chart]:
    rows = []
    for column in results.columns:
        score = column.scores.get(metric.name)
        difference = score.difference if score else None
        if score is None or difference is None:
            continue
        ends = (difference.mean, difference.low, difference.high)
        if all(map(math.isfinite, ends)):
            mean, low, high = ends
            told = f"{mean:+.4g} [{low:+.4g}, {high:+.4g}]"
            rows.append(
                {"recipe": column.name, "mean": mean, "low": low, "high": high, "tone": _tone(metric, score.verdict),
                 "verdict": score.verdict, "difference": told}
            )  # fmt: skip
    return rows


def _tone(metric: SharedMetric, verdict: str) -> str:
    if verdict not in {"higher", "lower"}:
        return NO_DIFFERENCE
    if metric.better not in {"higher", "lower"}:
        return "different"
    return "better" if verdict == metric.better else "worse"


def _differences(rows: Sequence[Chart]) -> Chart:
    axis = {"type": "quantitative", "title": None, "scale": {"padding": 8},
        "axis": {"tickCount": 4, "labelExpr": "datum.value == 0 ? '0' : format(datum.value, '+~g')"},
    }  # fmt: skip
    tone = {"field": "tone", "type": "nominal", "legend": None}
    coloured = {**tone, "scale": {"domain": list(_TONES), "range": list(_TONES.values())}}
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
    steps = [row.values for stage in run.stages for row in stage.steps]
    if phase != "other":
        return sum(_scored(step.get(f"time/{phase}")) for step in steps)
    return sum(max(_scored(step.get(STEP_SECONDS)) - _explained(step), 0.0) for step in steps)


def _explained(step: Mapping[str, float]) -> float:
    """Add up the phases of a step; what is measured for a stopping rule comes after it."""
    return sum(_scored(step.get(f"time/{phase}")) for phase in STEP_PHASES)


def _scored(value: float | None) -> float:
    return 0.0 if value is None or math.isnan(value) else value
