"""The charts of a comparison over time: held-out metrics by seconds, with bands, and where a recipe goes ahead."""

import math
from collections.abc import Sequence

from rlsr.comparison.curve import Curves, RecipeCurve
from rlsr.comparison.curve_words import crossing_in_words, shown_curves
from rlsr.comparison.result import Comparison
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.report.line_charts import PLAIN_NUMBER, by_recipe, colour, dashes_of, value_axis
from rlsr.report.run_charts import Figure
from rlsr.report.vega import Chart, chart
from rlsr.statistics import Estimate

_BETTER = {"higher": "Higher is better.", "lower": "Lower is better.", "near_one": "Best near 1."}


def curve_figures(comparison: Comparison, colours: Sequence[str]) -> list[Figure]:
    """Draw each metric that no reward has over seconds of training.

    Args:
        comparison: What was found.
        colours: Names of the trained recipes in the order of their colours on the page; others come after them.

    Returns:
        A figure a metric that was scored; none where nothing was measured along the way.
    """
    curves = shown_curves(comparison)
    if curves is None:
        return []
    unseen = [metric for metric in comparison.metrics if not metric.in_reward]
    found = []
    for place, metric in enumerate(unseen):
        rows = [row for curve in curves.recipes for row in _rows(curve, curves, metric)]
        if rows:
            found.append(
                Figure(
                    f"curve-{place}",
                    describe(metric.name).label,
                    _BETTER.get(metric.better or "", ""),
                    _curves(rows, _crossings(curves, metric), curve_order(curves, colours)),
                )
            )
    return found


def curve_order(curves: Curves, colours: Sequence[str]) -> list[str]:
    """List the recipes so that each has the colour that it has elsewhere on the page.

    Args:
        curves: The recipes over time.
        colours: Names of the trained recipes in the order of their colours.
    """
    return list(dict.fromkeys([*colours, *(curve.recipe for curve in curves.recipes)]))


def _rows(curve: RecipeCurve, curves: Curves, metric: SharedMetric) -> list[Chart]:
    points = curve.points
    if len(points) == 1:
        # Nothing changes it: a line over the whole time.
        points = curve.at_times
    return [
        {
            "recipe": curve.recipe, "seconds": point.seconds, "mean": found.mean, **_band(found), "steps": point.num_steps,
            "tokens": point.tokens, "what": point.what,
        }
        for point in points
        if math.isfinite((found := point.metrics[metric.name]).mean)
    ]  # fmt: skip


def _band(found: Estimate) -> Chart:
    """Give the ends of an interval; without one the band has no width."""
    has_ends = math.isfinite(found.low) and math.isfinite(found.high)
    return {"low": found.low, "high": found.high} if has_ends else dict.fromkeys(("low", "high"), found.mean)  # fmt: skip


def _crossings(curves: Curves, metric: SharedMetric) -> list[Chart]:
    found = []
    for race in curves.races_with_rival():
        crossing = race.crossings.get(metric.name)
        if crossing is None or not crossing.seconds:
            continue
        found.append(
            {
                "recipe": race.recipe, "seconds": crossing.seconds, "low": crossing.low or 0.0,
                "high": crossing.until if crossing.high is None else crossing.high,
                "ahead": f"ahead of {race.rival} {crossing_in_words(crossing)}",
            }
        )  # fmt: skip
    return found


def _curves(rows: Sequence[Chart], crossings: Sequence[Chart], names: Sequence[str]) -> Chart:
    x: Chart = {
        "field": "seconds",
        "type": "quantitative",
        "title": "seconds of training",
        "scale": {"nice": False},
        "axis": {"grid": False, "tickCount": 6, "labelFlush": True, "labelExpr": PLAIN_NUMBER},
    }
    coloured = by_recipe(names, [colour(index) for index in range(len(names))])
    y = value_axis("mean")
    seconds = {"x": x, "color": coloured}
    layers: list[Chart] = [
        {
            "mark": {"type": "area", "opacity": 0.12},
            "encoding": {**seconds, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.2},
            "encoding": {**seconds, "y": y, "strokeDash": by_recipe(names, dashes_of(names))},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {
                **seconds,
                "y": y,
                "tooltip": [
                    {"field": "recipe"}, {"field": "what"}, {"field": "seconds", "format": ",.0f"},
                    {"field": "steps", "format": ",.4~g"}, {"field": "tokens", "format": ",.0f"},
                    {"field": "mean", "format": ".4~g"}, {"field": "low", "format": ".4~g"}, {"field": "high", "format": ".4~g"},
                ],
            },
        },
    ]  # fmt: skip
    if crossings:
        layers += _crossing_layers(crossings, seconds)
    return chart(layers, height=240, data={"values": list(rows)})


def _crossing_layers(crossings: Sequence[Chart], seconds: Chart) -> list[Chart]:
    """Draw an upright line where a recipe goes ahead, and the interval of that time at its foot."""
    data = {"values": list(crossings)}
    told = {"tooltip": [{"field": "recipe"}, {"field": "ahead"}]}
    foot = {"y": {"value": "height"}}
    return [
        {
            "data": data,
            "mark": {"type": "rule", "strokeWidth": 1.4, "strokeDash": [4, 3]},
            "encoding": {**seconds, **told, "y": {"value": 0}, "y2": {"value": "height"}},
        },
        {
            "data": data,
            "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.45},
            "encoding": {
                **seconds, **told, **foot, "x": {**seconds["x"], "field": "low"}, "x2": {"field": "high"},
            },
        },
    ]  # fmt: skip
