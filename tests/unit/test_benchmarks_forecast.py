"""Points of benchmarks/forecast_calibration.py: from runs, and forecast from one another."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.config import config_from_table
from rlsr.errors import RunError
from rlsr.forecast import Intervals, MetricScores, Samples, forecast, load_calibration
from rlsr.forecast.result import UNSEEN, Forecast
from rlsr.runs import RunDirectory
from rlsr.runs.rows import HeldoutRow
from rlsr.statistics import Estimate


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("forecast_calibration")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run whose held-out answers became better by .25 on every prompt."""
    config = config_from_table({"evaluation": {"independent_embedding": "builtin:minilm"}})
    made = RunDirectory.create(tmp_path / "run", config)
    for when, score in (("before", 0.25), ("after", 0.5)):
        rows = [HeldoutRow(str(row), "p", "r", "a", {UNSEEN: score}) for row in range(40)]
        made.write_evaluation(when, rows)
    return made


@pytest.fixture
def found() -> Forecast:
    rng = np.random.default_rng(0)
    scores = MetricScores("a metric", 3, False, rng.normal(size=9), rng.normal(size=(9, 4)))
    samples = Samples(
        rng.normal(size=(9, 4)), {UNSEEN: scores}, "made up", "builtin:minilm", "set aside"
    )
    return forecast(samples, load_calibration(), intervals=Intervals(0.95, 100))


def test_a_point_has_the_forecast_and_the_gain(
    script: Any, run: RunDirectory, found: Forecast
) -> None:
    point = script.make_point("mine", found, run, "One seed.")
    assert point.gain == Estimate(0.25, 0.25, 0.25, 40)
    assert point.best_minus_greedy == found.unseen.best_minus_greedy
    assert point.note == "9 prompts (set aside), 4 samples each. One seed."


def test_what_is_no_gain_is_refused(script: Any, run: RunDirectory, found: Forecast) -> None:
    with pytest.raises(RunError, match=r"measured by builtin:wordllama, got .* builtin:minilm"):
        script.make_point("mine", replace(found, encoder="builtin:wordllama"), run, "")
    run.evaluation_file("after").unlink()
    with pytest.raises(RunError, match="before and after, got none"):
        script.make_point("mine", found, run, "")


def test_three_points_are_shown_and_four_forecast_one_another(script: Any) -> None:
    kept = replace(load_calibration(), points=load_calibration().points[:3])
    shown = "\n".join(script.validation(kept))
    assert "rank correlation of best - greedy with the gain +1.00" in shown
    assert "takes 4 points" in shown
    fourth = replace(kept.points[0], name="a fourth", gain=Estimate(-0.5, -0.6, -0.4, 128))
    lines = script.validation(replace(kept, points=(*kept.points, fourth)))
    assert sum(line.startswith("  expected") for line in lines) == 4
    assert "cannot say, and RLSR did not pay: 1" in lines
