"""The line through the validation points, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rlsr.errors import DataError
from rlsr.forecast.calibration import (
    Calibration,
    CalibrationPoint,
    expected_gain,
    fit_line,
    load_calibration,
    without,
)
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics import Estimate

NAN = float("nan")


def points(features: list[float], gains: list[float]) -> Calibration:
    return Calibration(
        tuple(
            CalibrationPoint(
                name=f"set {place}",
                reward="cosine",
                encoder="builtin:wordllama",
                best_minus_greedy=Estimate(feature, feature - 0.03, feature + 0.03, 64),
                best_minus_mean=Estimate(0.1, NAN, NAN, 64),
                gain=Estimate(gain, NAN, NAN, 128),
                note="made up",
            )
            for place, (feature, gain) in enumerate(zip(features, gains, strict=True))
        )
    )


def test_the_line_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    features, gains = rng.normal(size=7).tolist(), rng.normal(size=7).tolist()
    line, oracle = fit_line(points(features, gains)), stats.linregress(features, gains)
    assert line.slope == pytest.approx(oracle.slope)
    assert line.intercept == pytest.approx(oracle.intercept)
    # The error of the slope has the spread around the line in it.
    assert line.residual_std / np.sqrt(line.sum_of_squares) == pytest.approx(oracle.stderr)


def test_the_points_that_come_along_leave_it_open() -> None:
    kept = load_calibration()
    assert len(kept.points) == 11
    for point in kept.points:
        gain = expected_gain(kept, point.best_minus_greedy)
        assert gain.low < 0 < gain.high, "they say little"
        assert gain.low < point.gain.mean < gain.high
        assert gain.num == 11


def test_an_uncertain_feature_widens_the_interval() -> None:
    kept = points([0, 0.01, 0.02, 0.03], [0, 0.011, 0.019, 0.03])
    sharp = expected_gain(kept, Estimate(0.01, 0.01, 0.01, 64))
    wide = expected_gain(kept, Estimate(0.01, -0.03, 0.05, 64))
    assert sharp.mean == wide.mean
    assert wide.low < sharp.low < sharp.high < wide.high
    line = fit_line(kept)
    halves = [(found.high - found.low) / 2 for found in (sharp, wide)]
    assert halves[1] ** 2 - halves[0] ** 2 == pytest.approx((line.slope * 0.04) ** 2)


def test_without_an_interval_of_the_feature_there_is_none_of_the_gain() -> None:
    found = expected_gain(load_calibration(), Estimate(0.01, NAN, NAN, 1))
    assert not np.isnan(found.mean)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("num", [3, 5, 8])
def test_the_interval_holds_the_gain_as_often_as_it_says(num: int) -> None:
    """Simulated sets on a line, each measured with the error of 64 prompts: 95 of 100 new gains lie inside."""
    rng = np.random.default_rng(num)
    error, times, inside = 0.02, 1500, 0
    for _ in range(times):
        true = rng.normal(0, 0.03, num + 1)
        gains = 0.035 + 1.9 * true + rng.normal(0, 0.015, num + 1)
        seen = true + rng.normal(0, error, num + 1)
        kept = points(seen[:-1].tolist(), gains[:-1].tolist())
        half = 1.96 * error
        feature = Estimate(float(seen[-1]), float(seen[-1]) - half, float(seen[-1]) + half, 64)
        found = expected_gain(kept, feature)
        inside += found.low <= gains[-1] <= found.high
    assert inside / times > 0.94


def test_leaving_one_out_keeps_the_others_in_order() -> None:
    kept = points([1, 2, 3, 4], [1, 2, 3, 4])
    assert [point.name for point in without(kept, 1).points] == ["set 0", "set 2", "set 3"]


def test_points_survive_their_file(tmp_path: Path) -> None:
    kept = points([1, 2, 4], [1, 2, 3])
    file = tmp_path / "points.json"
    file.write_text(json.dumps(to_table(kept)), encoding="utf-8")
    np.testing.assert_equal(to_table(load_calibration(file)), to_table(kept))
    assert from_table(Calibration, to_table(kept)).points[0].best_minus_greedy.num == 64


def broken(**changes: Any) -> dict[str, Any]:
    table: dict[str, Any] = to_table(points([1, 2, 3], [1, 2, 3]))
    table["points"][1].update(changes)
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"points": to_table(points([1, 2], [1, 2]))["points"]}, "at least 3 points, got 2"),
        (broken(gain={"mean": None, "low": None, "high": None, "num": 1}), "need a mean, got null"),
        (broken(gain=3), "points.1.gain"),
        (to_table(points([1, 1, 1], [1, 2, 3])), "different best_minus_greedy, got 1 for all"),
        ({}, "points: field required"),
    ],
)
def test_points_that_give_no_line_are_refused(
    tmp_path: Path, table: dict[str, Any], message: str
) -> None:
    file = tmp_path / "points.json"
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(DataError, match=r"docs/forecast\.md") as refused:
        load_calibration(file)
    assert message in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothere\.json"):
        load_calibration(tmp_path / "nothere.json")
