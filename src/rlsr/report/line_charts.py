"""How charts over the course of training are drawn: lines by recipe and seed, and bands of quantiles."""

from collections.abc import Sequence
from typing import Any

from rlsr.report.vega import Chart, chart
from rlsr.runs.step_metrics import REWARD_QUANTILES

STEPS = "steps"
"""Name of the table that the page gives to the charts."""

# Colours differ in lightness too, and lines in their dashes, so that they can be told apart without colour.
DASHES = (
    (1, 0),
    (11, 3),
    (5, 2),
    (11, 3, 2, 3),
    (16, 4),
    (3, 2),
    (8, 2, 2, 2, 2, 2),
    (16, 3, 5, 3),
)
"""Dashes of the lines by recipe."""

PLAIN_NUMBER = "format(datum.value, '~g')"
"""Writes what stands on an axis; Vega-Lite's own format of it would round 0.16 to 0.2 and write 10 as 1e+1."""

_HEIGHT = 190


def line_chart(
    field: str,
    recipes: Sequence[str],
    *,
    over: str = "step",
    transform: Sequence[Chart] = (),
    told: Sequence[str] = (),
    with_seeds: bool = False,
    height: int = _HEIGHT,
) -> Chart:
    """Draw each recipe as a strong line, and its seeds as thin ones.

    Args:
        field: What goes up and down.
        recipes: Names in the order of their colours.
        over: ``step`` or ``seconds``.
        transform: What makes the field, or chooses rows, as Vega-Lite names it.
        told: Numbers under the pointer; the field if not given.
        with_seeds: Whether there are single seeds to draw.
        height: Pixels.
    """
    colours = [colour(index) for index in range(len(recipes))]
    drawn = {"y": value_axis(field), "color": by_recipe(recipes, colours)}
    seeds: Chart = {
        "transform": [{"filter": "datum.main == 0"}],
        "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.35, "clip": True},
        "encoding": {**drawn, "detail": {"field": "seed"}},
    }
    main: Chart = {
        "transform": [{"filter": "datum.main == 1"}],
        "mark": {"type": "line", "strokeWidth": 2.2, "clip": True},
        "encoding": {**drawn, "strokeDash": by_recipe(recipes, dashes_of(recipes))},
    }
    # Wider than what can be seen, so that the pointer finds them.
    points: Chart = {
        "transform": [{"filter": "datum.main == 1"}],
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0},
        "encoding": {**drawn, "tooltip": _tooltip(told or [field])},
    }
    return chart(
        # A layer without a single row would have Vega warn about it.
        [seeds, main, points] if with_seeds else [main, points],
        height=height,
        data={"name": STEPS},
        transform=list(transform),
        encoding={"x": _course(over)},
    )


def band_chart(recipe: str, index: int, domain: tuple[float, float]) -> Chart:
    """Draw quantiles of a recipe's rewards: 5 to 95 %, 25 to 75 %, and the median.

    Args:
        recipe: Its name.
        index: Place of its colour.
        domain: Ends of the axis of rewards.
    """
    low, lower, median, upper, high = REWARD_QUANTILES
    axis = {**value_axis(median), "scale": {"domain": list(domain)}}
    areas: list[Chart] = [
        {
            "mark": {"type": "area", "opacity": opacity, "color": colour(index)},
            "encoding": {"y": {**axis, "field": start}, "y2": {"field": end}},
        }
        for start, end, opacity in ((low, high, 0.18), (lower, upper, 0.3))
    ]
    line: Chart = {
        "mark": {"type": "line", "strokeWidth": 2.2, "color": colour(index)},
        "encoding": {"y": axis},
    }
    return chart(
        [*areas, line],
        height=160,
        data={"name": STEPS},
        transform=[
            {"filter": {"field": "recipe", "equal": recipe}},
            {"filter": f"datum.main == 1 && isValid(datum['{median}'])"},
        ],
        encoding={"x": _course("step")},
    )


def value_axis(field: str) -> Chart:
    """Describe the axis of what is measured.

    Args:
        field: What is measured.

    Returns:
        An encoding of Vega-Lite.
    """
    return {
        "field": field,
        "type": "quantitative",
        "title": None,
        "scale": {"zero": False},
        "axis": {"tickCount": 5, "labelExpr": PLAIN_NUMBER},
    }


def colour(index: int) -> str:
    """Name the colour of a recipe.

    Args:
        index: Its place.

    Returns:
        A variable of the page's style; after eight they begin anew.
    """
    return f"var(--recipe-{index % len(DASHES)})"


def _course(field: str) -> Chart:
    return {
        "field": field,
        "type": "quantitative",
        "title": None,
        "scale": {"zero": False, "nice": False},
        "axis": {
            "grid": False,
            "tickCount": 6,
            "labelFlush": True,
            "labelExpr": PLAIN_NUMBER,
            # There is no half step.
            **({"tickMinStep": 1} if field == "step" else {}),
        },
    }


def dashes_of(recipes: Sequence[str]) -> list[list[int]]:
    """List the dashes of recipes in the order of their colours; after eight they begin anew."""
    return [list(DASHES[index % len(DASHES)]) for index in range(len(recipes))]


def by_recipe(recipes: Sequence[str], looks: Sequence[Any]) -> Chart:
    """Describe what tells recipes apart.

    Args:
        recipes: Their names.
        looks: A colour, or dashes, for each.

    Returns:
        An encoding of Vega-Lite.
    """
    scale = {"domain": list(recipes), "range": list(looks)}
    return {"field": "recipe", "type": "nominal", "scale": scale, "legend": None}


def _tooltip(numbers: Sequence[str]) -> list[Chart]:
    names = [{"field": field} for field in ("recipe", "method", "step")]
    told = [
        {
            "field": field,
            "type": "quantitative",
            "format": ".4~g",
            "title": field.rpartition("/")[2].replace("_", " "),
        }
        for field in ("seconds", *numbers)
    ]
    return [*names, *told]
