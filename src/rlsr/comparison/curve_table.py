"""The curves of a comparison as lines of a table, a line a time."""

from rlsr.comparison.curve import CurvePoint
from rlsr.comparison.curve_words import shown_curves, steps_in_words, time_in_words, unseen_metrics
from rlsr.comparison.result import Comparison
from rlsr.comparison.table import TableCell, TableGroup, TableRow, typeset
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.statistics import Estimate
from rlsr.statistics.in_words import NOTHING, interval, number


def curve_groups(comparison: Comparison) -> tuple[TableGroup, ...]:
    """Lay the curves out by time, a group for each of the primary metrics that no reward has, and one for what was spent."""
    curves = shown_curves(comparison)
    if curves is None:
        return ()
    by_time = list(zip(*(recipe.at_times for recipe in curves.recipes), strict=True))
    groups = [
        TableGroup(
            f"Over time: {describe(metric.name).label}",
            tuple(
                TableRow(
                    time_in_words(points[0].seconds),
                    "",
                    tuple(_mean(point.metrics[metric.name], metric) for point in points),
                )
                for points in by_time
            ),
        )
        for metric in unseen_metrics(comparison)
    ]
    spent = tuple(
        TableRow(time_in_words(points[0].seconds), "", tuple(map(_spent, points)))
        for points in by_time
        if points[0].seconds > 0
    )
    return (*groups, TableGroup("Steps and response tokens by then", spent))


def _mean(estimate: Estimate, metric: SharedMetric) -> TableCell:
    digits = describe(metric.name).digits
    return TableCell(typeset(number(estimate.mean, digits)), typeset(interval(estimate, digits)))


def _spent(point: CurvePoint) -> TableCell:
    if not point.num_steps > 0:
        return TableCell(NOTHING)
    tokens = "" if point.tokens is None else f"{point.tokens:,.0f} tokens"
    return TableCell(f"{steps_in_words(point)} steps", tokens)
