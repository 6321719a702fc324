"""The chart of step_growth.py, in the grammar of Vega-Lite (vega.github.io/vega-lite), drawn to SVG by vl-convert."""

from collections.abc import Mapping, Sequence
from typing import Any

Chart = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_PANEL = {"width": 130, "height": 190}
_STEP_SCHEME, _SETUP_SCHEME = "tableau10", "accent"


def growth_chart(axes: Mapping[str, str], points: Sequence[Mapping[str, Any]], note: str) -> Chart:
    """Draw a step's time by phase against each axis, and the time before the first step against the number of rows.

    Args:
        axes: Title of each axis by its name.
        points: ``axis``, ``value``, ``phases`` and ``setup`` in seconds by name.
        note: What stands below the title.

    Returns:
        Vega-Lite with its data.
    """
    panels = []
    for place, (axis, title) in enumerate(axes.items()):
        bars = _bars(points, axis, "phases")
        # One legend for all, since the phases are the same.
        panels.append(_panel(title, "seconds a step", bars, _STEP_SCHEME, legend=place == 0))
    if "rows" in axes:
        bars = _bars(points, "rows", "setup")
        measure = "seconds before the first step"
        panels.append(_panel(axes["rows"], measure, bars, _SETUP_SCHEME, legend=True))
    return {
        "$schema": _SCHEMA,
        "title": {"text": "What a step of rlsr costs", "subtitle": note, "anchor": "start"},
        "background": "white",
        "hconcat": panels,
        "resolve": {"scale": {"color": "independent"}},
        "config": {"view": {"stroke": None}, "font": "sans-serif"},
    }


def to_svg(chart: Chart) -> str:
    """Draw a chart, without a network.

    Args:
        chart: Vega-Lite.

    Returns:
        SVG.
    """
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart))


def _bars(points: Sequence[Mapping[str, Any]], axis: str, part: str) -> list[Chart]:
    return [
        {"value": point["value"], "part": name, "seconds": seconds, "place": place}
        for point in points
        if point["axis"] == axis
        for place, (name, seconds) in enumerate(point[part].items())
    ]


def _panel(title: str, measure: str, bars: list[Chart], scheme: str, *, legend: bool) -> Chart:
    names = list(dict.fromkeys(bar["part"] for bar in bars))
    return {
        **_PANEL,
        "data": {"values": bars},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "value",
                "type": "ordinal",
                "title": title,
                "axis": {"labelAngle": 0, "format": ",d"},
            },
            "y": {"field": "seconds", "type": "quantitative", "title": measure},
            "order": {"field": "place"},
            "color": {
                "field": "part",
                "type": "nominal",
                "title": None,
                "scale": {"domain": names, "scheme": scheme},
                "legend": {"orient": "bottom", "direction": "vertical"} if legend else None,
            },
        },
    }
