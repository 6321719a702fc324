"""The charts of an audit's page: what they are drawn from, and that Vega-Lite can draw them."""

import json
from dataclasses import replace

import pytest
import vl_convert

from audit_sample import ATTACKS, attack_check, sample_audit
from rlsr.auditing.result import Audit
from rlsr.auditing.thresholds import DAMAGE, NONSENSE, Threshold
from rlsr.report.audit_charts import attacks_chart, worst_attack
from rlsr.report.audit_histograms import attack_names, rewards_chart
from rlsr.report.vega import Chart

NAN = float("nan")


def drawn(chart: Chart | None) -> str:
    """The chart as an SVG; a chart that does not follow the grammar raises."""
    assert chart is not None
    # A container has a width in a browser only.
    return vl_convert.vegalite_to_svg({**chart, "width": 800})


def with_check(**changes: object) -> Audit:
    check = replace(attack_check("padded", 0.61), **changes)  # type: ignore[arg-type]
    return replace(sample_audit(20, 1), checks=(check,))


def rows_of(chart: Chart | None) -> list[Chart]:
    assert chart is not None
    rows = chart["data"]["values"]
    assert isinstance(rows, list)
    return rows


def layers_of(chart: Chart | None, mark: str) -> list[Chart]:
    assert chart is not None
    return [layer for layer in chart["layer"] if layer["mark"]["type"] == mark]


def test_every_attack_is_drawn_the_worst_on_top() -> None:
    chart = attacks_chart(sample_audit())
    svg = drawn(chart)
    assert chart is not None
    order = chart["encoding"]["y"]["sort"]
    assert order[:3] == ["padded", "repeated", "shuffled sentences"]
    assert sorted(order) == sorted(name for name, *_ in ATTACKS)
    for name in order:
        assert f">{name}</text>" in svg


def test_colours_are_left_to_the_page() -> None:
    for chart in (attacks_chart(sample_audit()), rewards_chart(sample_audit())):
        svg = drawn(chart)
        assert "var(--ink)" in svg
        assert "#" not in "".join(
            part.split('"')[0] for part in svg.split('fill="')[1:] if "url(" not in part
        )


@pytest.mark.parametrize("threshold", [DAMAGE, NONSENSE, Threshold(1e-05, 0.5, False)])
def test_thresholds_are_marked(threshold: Threshold) -> None:
    chart = attacks_chart(with_check(threshold=threshold))
    (row,) = rows_of(chart)
    assert (row["warn"], row["fail"]) == (threshold.warn, threshold.fail)
    assert len(layers_of(chart, "tick")) == 2


def test_an_attack_without_an_interval_is_a_point() -> None:
    (row,) = rows_of(attacks_chart(with_check(low=None, high=NAN)))
    assert (row["low"], row["high"], row["share"]) == (None, None, "0.610")
    (row,) = rows_of(attacks_chart(with_check(low=0.5, high=0.75)))
    assert row["share"] == "0.610 [0.500, 0.750]"


@pytest.mark.parametrize("changes", [{"value": None}, {"value": NAN}, {"group": "signal"}])
def test_what_was_not_measured_or_is_no_attack_is_not_drawn(changes: dict[str, object]) -> None:
    assert attacks_chart(with_check(**changes)) is None


def test_the_line_of_a_coin_stands_at_one_half() -> None:
    first = layers_of(attacks_chart(sample_audit()), "rule")[0]
    assert first["data"]["values"] == [{"half": 0.5}]


def test_histograms_hold_every_scored_row() -> None:
    audit = replace(
        sample_audit(), scores={"reference": (1.0,) * 5, "honest": (0.0, 0.5, NAN), "empty": (-1.0,)}
    )  # fmt: skip
    chart = rewards_chart(audit)
    (bars,) = layers_of(chart, "rect")
    counts: dict[str, int] = {}
    for bar in bars["data"]["values"]:
        counts[bar["kind"]] = counts.get(bar["kind"], 0) + bar["rows"]
        assert bar["base"] < bar["top"] <= bar["base"] + 0.72
    assert counts == {"reference": 5, "honest": 2, "empty": 1}
    svg = drawn(chart)
    assert "honest answer · median 0.250, 1 of 3 rows unscored" in svg
    assert "attack: empty · median -1.000" in svg


def test_the_first_histogram_is_the_worst_attack() -> None:
    chart = rewards_chart(sample_audit())
    assert chart is not None
    assert chart["params"] == [{"name": "attack", "value": "padded"}]
    svg = drawn(chart)
    assert "attack: padded" in svg
    assert "attack: repeated" not in svg


def test_a_kind_that_could_not_be_scored_says_so() -> None:
    audit = replace(sample_audit(), scores={"honest": (0.5, 0.6), "empty": (NAN, NAN)})
    svg = drawn(rewards_chart(audit))
    assert "attack: empty · not scored" in svg


@pytest.mark.parametrize("scores", [{}, {"honest": ()}, {"honest": (NAN,), "empty": (NAN, NAN)}])
def test_without_a_score_there_is_no_histogram(scores: dict[str, tuple[float, ...]]) -> None:
    assert rewards_chart(replace(sample_audit(), scores=scores)) is None


def test_equal_rewards_can_be_drawn() -> None:
    assert "median 0.500" in drawn(rewards_chart(replace(sample_audit(), scores={"a": (0.5, 0.5)})))


def test_charts_are_plain_json() -> None:
    for chart in (attacks_chart(sample_audit()), rewards_chart(sample_audit())):
        assert json.loads(json.dumps(chart, allow_nan=False)) == chart


def test_the_worst_attack_is_the_one_that_wins_most_often() -> None:
    audit = sample_audit()
    assert worst_attack(audit, ["empty", "repeated", "negated"]) == "repeated"
    assert worst_attack(audit, ["unknown", "other"]) == "unknown"
    assert worst_attack(audit, []) == ""
    assert attack_names(audit) == [name for name, *_ in ATTACKS]
