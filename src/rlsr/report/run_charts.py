"""Which charts show what happened during training. All draw from one table, :class:`rlsr.report.run_series.Series`."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.report.line_charts import band_chart, line_chart, value_axis
from rlsr.report.run_series import MEASURED, Series, is_of
from rlsr.report.vega import Chart
from rlsr.runs.step_metrics import (
    HEADS,
    MEAN_REWARD,
    REFERENCE_LENGTH,
    RESPONSE_LENGTH,
    REWARD_QUANTILES,
    StepMetric,
)

_QUANTILES = tuple(REWARD_QUANTILES)
_LENGTHS = (RESPONSE_LENGTH, REFERENCE_LENGTH)
_REWARD = MEAN_REWARD.partition("/")[0]


@dataclass(frozen=True)
class Figure:
    """A chart with its words."""

    id: str
    """Unique on the page."""
    title: str
    """What is drawn."""
    caption: str
    """What to know; may be empty."""
    chart: Chart
    """Vega-Lite."""
    columns: tuple[str, ...] = ()
    """The numbers that it takes from the table of all steps; empty if it has data of its own."""
    follows_choice: bool = False
    """Whether the reader's choice between steps and seconds counts for it."""


def reward_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw the mean reward twice: over steps and over time.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        Two figures; none where no reward was scored.
    """
    name = MEAN_REWARD
    if not series.has(name):
        return []
    return [
        Figure(
            f"reward-{over}",
            f"Mean reward over {words}",
            "",
            line_chart(name, recipes, over=over, with_seeds=series.has_seeds(name), height=240),
            (name,),
        )
        for over, words in (("step", "steps"), ("seconds", "wall-clock seconds"))
    ]


def part_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw the parts of the reward, and how it spreads.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a part that was scored.
    """
    return _figures(
        series, recipes, [metric for metric in _drawn(series) if metric.head == _REWARD]
    )


def measured_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw what was measured while training: on validation prompts, and on held-out prompts along the way.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a number that there is.
    """
    wanted = [metric for metric in _drawn(series) if is_of(metric.name, *MEASURED)]
    return [_figure(series, recipes, metric, is_sparse=True) for metric in wanted]


def optimisation_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw lengths, and what the optimiser did.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a number that there is; losses apart by method.
    """
    lengths = [_length_figure(series, recipes)] if all(map(series.has, _LENGTHS)) else []
    wanted = [metric for metric in _drawn(series) if metric.head in HEADS - {_REWARD, *MEASURED}]
    return [*lengths, *_figures(series, recipes, wanted)]


def other_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw what a trainer or a plug-in logged and this program knows nothing about.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a number that there is.
    """
    return _figures(
        series,
        recipes,
        [metric for metric in _drawn(series) if metric.head not in HEADS | set(MEASURED)],
    )


def distribution_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw how the rewards of a step are spread.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a recipe that has quantiles, all with the same axis.
    """
    if not all(map(series.has, _QUANTILES)):
        return []
    domain = (min(series.numbers(_QUANTILES[0])), max(series.numbers(_QUANTILES[-1])))
    return [
        Figure(
            f"quantiles-{index}",
            recipe,
            "",
            band_chart(recipe, index, domain),
            _QUANTILES,
            follows_choice=True,
        )
        for index, recipe in enumerate(recipes)
        if series.numbers(_QUANTILES[2], recipe=recipe)
    ]


def _drawn(series: Series) -> list[StepMetric]:
    """List what has a chart of its own."""
    return [
        metric
        for metric in series.metrics
        if (metric.drawn == "always" and series.has(metric.name))
        or (metric.drawn == "if_above_zero" and any(series.numbers(metric.name)))
    ]


def _figures(series: Series, recipes: Sequence[str], metrics: Sequence[StepMetric]) -> list[Figure]:
    found = []
    for metric in metrics:
        methods = series.methods_with(metric.name) if metric.apart else []
        if len(methods) < 2:
            found.append(_figure(series, recipes, metric))
        else:
            found += [_figure_of_method(series, recipes, metric, method) for method in methods]
    return found


def _figure(
    series: Series, recipes: Sequence[str], metric: StepMetric, *, is_sparse: bool = False
) -> Figure:
    name = metric.name
    drawn = line_chart(
        name,
        recipes,
        # A line would end at every step that has no number.
        transform=[{"filter": f"isValid(datum['{name}'])"}] if is_sparse else [],
        with_seeds=series.has_seeds(name),
    )
    return Figure(_id(name), metric.words, metric.caption, drawn, (name,), follows_choice=True)


def _figure_of_method(
    series: Series, recipes: Sequence[str], metric: StepMetric, method: str
) -> Figure:
    name = metric.name
    drawn = line_chart(
        name,
        recipes,
        transform=[{"filter": {"field": "method", "equal": method}}],
        with_seeds=series.has_seeds(name, method=method),
    )
    return Figure(
        _id(f"{name}-of-{method}"),
        f"{metric.words} of {method}",
        f"{metric.caption} {metric.apart}".strip(),
        drawn,
        (name,),
        follows_choice=True,
    )


def _length_figure(series: Series, recipes: Sequence[str]) -> Figure:
    response, reference = _LENGTHS
    ratio = {
        "calculate": f"isValid(datum['{response}']) && datum['{reference}'] > 0 ? "
        f"datum['{response}'] / datum['{reference}'] : null",
        "as": "ratio",
    }
    drawn = line_chart(
        "ratio",
        recipes,
        transform=[ratio],
        told=_LENGTHS,
        with_seeds=series.has_seeds(response),
    )
    even = {
        "data": {"values": [{"even": 1}]},
        "mark": {"type": "rule", "stroke": "var(--quiet)", "strokeDash": [5, 4]},
        "encoding": {"x": {"value": 0}, "x2": {"value": "width"}, "y": value_axis("even")},
    }
    drawn["layer"].append(even)
    caption = (
        "Over the reference's length, in characters; the dashed line is as long as the reference."
    )
    return Figure(
        "length-ratio", "Length of responses", caption, drawn, _LENGTHS, follows_choice=True
    )


def _id(name: str) -> str:
    """Make a name that is unique on the page, whatever the number is called."""
    kept = {"/": "-", "_": "_"}
    return "".join(
        letter if letter.isalnum() else kept.get(letter, f".{ord(letter):x}.") for letter in name
    )
