"""Charts in the grammar of Vega-Lite (vega.github.io/vega-lite), in the style of the pages.

Colours are the page's CSS variables, so that one drawing serves light, dark and paper.
"""

from collections.abc import Sequence
from typing import Any

Chart = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def chart(layers: Sequence[Chart], *, height: int, **further: Any) -> Chart:
    """Put layers together in the page's style.

    Args:
        layers: What is drawn, the lowest first.
        height: Pixels; the width is the page's.
        **further: Other properties of the whole, as Vega-Lite names them.
    """
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": height,
        **further,
        "layer": list(layers),
        "config": _config(),
    }


def _config() -> Chart:
    return {
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": "var(--ink)",
            "titleColor": "var(--quiet)",
            "gridColor": "var(--line)",
            "tickColor": "var(--line)",
            "domainColor": "var(--line)",
            "labelFontSize": 13,
            "titleFontSize": 13,
            "titleFontWeight": "normal",
        },
        "text": {"fontSize": 13, "color": "var(--ink)"},
    }
