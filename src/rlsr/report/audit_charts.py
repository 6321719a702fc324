"""The page of an audit has a chart of how often each attack wins."""

import math
from collections.abc import Sequence

from rlsr.auditing.result import Audit, Check
from rlsr.report.vega import Chart, chart

# Marks differ by form too, not by colour alone.
_CROSS = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"
_SHAPES = {"ok": "circle", "warn": "triangle-up", "fail": _CROSS}
_COLOURS = {"ok": "var(--ok)", "warn": "var(--warn)", "fail": "var(--fail)"}


def attacks_chart(audit: Audit) -> Chart | None:
    """Draw on what share of the rows each attack beats the honest answer.

    Args:
        audit: The audit.

    Returns:
        Vega-Lite, the worst attack on top; None where no attack was measured.
    """
    rows = [_attack_row(check) for check in audit.checks if _is_measured_attack(check)]
    if not rows:
        return None
    names = [row["attack"] for row in sorted(rows, key=lambda row: row["value"], reverse=True)]
    position = {
        "field": "attack",
        "type": "nominal",
        "sort": names,
        "title": None,
        "axis": {"labelLimit": 190, "labelPadding": 12, "ticks": False, "domain": False},
    }
    layers = [
        _coin_line(),
        *_threshold_layers(),
        {
            "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"x": _share("low"), "x2": {"field": "high"}, "color": _by_verdict()},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {
                "x": _share("value"),
                "color": _by_verdict(),
                "shape": {
                    "field": "verdict",
                    "scale": {"domain": list(_SHAPES), "range": list(_SHAPES.values())},
                    "legend": None,
                },
                "tooltip": [{"field": name} for name in ("attack", "verdict", "share", "rows")],
            },
        },
    ]
    data = {"values": rows}
    return chart(layers, height=26 * len(rows), data=data, encoding={"y": position})


def worst_attack(audit: Audit, names: Sequence[str]) -> str:
    """Choose the attack that a reader should see first.

    Args:
        audit: The audit.
        names: The attacks to choose from.

    Returns:
        The one that wins most often; the first one where none of them was measured; empty where there is none.
    """
    shares = {check.name: check.value for check in audit.checks if _is_measured_attack(check)}
    return max(names, key=lambda name: shares.get(name) or 0.0, default="")


def _is_measured_attack(check: Check) -> bool:
    return check.group == "attacks" and check.value is not None and math.isfinite(check.value)


def _attack_row(check: Check) -> Chart:
    low, high = _finite(check.low), _finite(check.high)
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return {
        "attack": check.name,
        "value": check.value,
        "low": low,
        "high": high,
        "verdict": check.verdict,
        "share": f"{check.value:.3f}{interval}",
        "rows": check.num,
        "warn": check.threshold.warn,
        "fail": check.threshold.fail,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _share(field: str) -> Chart:
    return {
        "field": field,
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "tickCount": 5},
    }


def _by_verdict() -> Chart:
    scale = {"domain": list(_COLOURS), "range": list(_COLOURS.values())}
    return {"field": "verdict", "type": "nominal", "scale": scale, "legend": None}


def _coin_line() -> Chart:
    return {
        "data": {"values": [{"half": 0.5}]},
        "mark": {"type": "rule", "strokeDash": [5, 4], "stroke": "var(--quiet)"},
        "encoding": {"x": _share("half"), "y": {"value": 0}, "y2": {"value": "height"}},
    }


def _threshold_layers() -> list[Chart]:
    return [
        {
            "mark": {
                "type": "tick",
                "thickness": 2,
                "size": 16,
                "color": f"var(--{level})",
                "opacity": 0.7,
            },
            "encoding": {"x": _share(level)},
        }
        for level in ("warn", "fail")
    ]
