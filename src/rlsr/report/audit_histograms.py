"""The page of an audit has histograms of the rewards by kind of answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.auditing.result import Audit
from rlsr.report.audit_charts import worst_attack
from rlsr.report.vega import Chart, chart

Floats = NDArray[np.float64]

# Over all kinds together: an empty answer's -1 leaves some forty for the others.
_NUM_BINS = 100


def rewards_chart(audit: Audit) -> Chart | None:
    """Draw the rewards of references, honest answers and one attack that the reader chooses.

    Args:
        audit: The audit.

    Returns:
        Vega-Lite with the parameter ``attack``; None where nothing was scored.
    """
    scored = {kind: _scored(scores) for kind, scores in audit.scores.items()}
    everything = np.concatenate([*scored.values(), np.empty(0)])
    if not len(everything):
        return None
    edges = np.histogram_bin_edges(everything, bins=_NUM_BINS)
    bars: list[Chart] = []
    labels: list[Chart] = []
    for kind, scores in scored.items():
        band = {"reference": 2, "honest": 1}.get(kind, 0)
        labels.append(_band_label(kind, band, scores, len(audit.scores[kind])))
        bars += _band_bars(kind, band, scores, edges)
    layers = [_bars_layer(bars), *_label_layers(labels)]
    for layer in layers:
        layer["transform"] = [{"filter": "datum.band > 0 || datum.kind == attack"}]
    chosen = {"name": "attack", "value": worst_attack(audit, attack_names(audit))}
    return chart(layers, height=240, params=[chosen])


def attack_names(audit: Audit) -> list[str]:
    """List the attacks whose rewards were kept, in the order in which the audit lists them."""
    return [kind for kind in audit.scores if kind not in {"reference", "honest"}]


def _scored(scores: Sequence[float]) -> Floats:
    numbers = np.asarray(scores, dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def _band_bars(kind: str, band: int, scores: Floats, edges: Floats) -> list[Chart]:
    """Draw the bars of one histogram, scaled to its own peak: its form counts, and a spike of references flattens no other."""
    counts, _ = np.histogram(scores, bins=edges)
    peak = max(int(counts.max()), 1)
    return [
        {
            "kind": kind,
            "band": band,
            "start": float(start),
            "end": float(end),
            "base": band,
            "top": band + 0.72 * int(count) / peak,
            "rows": int(count),
            "rewards": f"{start:.3f} to {end:.3f}",
        }
        for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    ]


def _band_label(kind: str, band: int, scores: Floats, num: int) -> Chart:
    median = float(np.median(scores)) if len(scores) else None
    name = {"reference": "reference", "honest": "honest answer"}.get(kind, f"attack: {kind}")
    shown = "not scored" if median is None else f"median {median:.3f}"
    missing = num - len(scores)
    unscored = f", {missing} of {num} rows unscored" if missing and median is not None else ""
    return {
        "kind": kind,
        "band": band,
        "text": f"{name} · {shown}{unscored}",
        "height": band + 0.9,
        "base": band,
        "top": band + 0.78,
        "median": median,
    }


def _band_colour() -> Chart:
    colours = ["var(--attack)", "var(--honest)", "var(--reference)"]
    scale = {"domain": [0, 1, 2], "range": colours}
    return {"field": "band", "type": "nominal", "scale": scale, "legend": None}


def _height(field: str) -> Chart:
    return {"field": field, "type": "quantitative", "axis": None, "scale": {"domain": [0, 3]}}


def _reward(field: str) -> Chart:
    return {
        "field": field,
        "type": "quantitative",
        "title": "reward",
        "scale": {"zero": False},
        "axis": {"tickCount": 8, "grid": False},
    }


def _bars_layer(bars: Sequence[Chart]) -> Chart:
    return {
        "data": {"values": list(bars)},
        "mark": {"type": "rect", "stroke": "var(--card)", "strokeWidth": 0.5},
        "encoding": {
            "x": _reward("start"),
            "x2": {"field": "end"},
            "y": _height("base"),
            "y2": {"field": "top"},
            "color": _band_colour(),
            "tooltip": [{"field": name} for name in ("kind", "rewards", "rows")],
        },
    }


def _label_layers(labels: Sequence[Chart]) -> list[Chart]:
    return [
        {
            "data": {"values": [label for label in labels if label["median"] is not None]},
            "mark": {"type": "rule", "strokeWidth": 2, "stroke": "var(--ink)"},
            "encoding": {"x": _reward("median"), "y": _height("base"), "y2": {"field": "top"}},
        },
        {
            "data": {"values": list(labels)},
            "mark": {"type": "text", "align": "left", "baseline": "middle"},
            "encoding": {"x": {"value": 4}, "y": _height("height"), "text": {"field": "text"}},
        },
    ]
