"""Validation points of `rlsr forecast`: what it found after an SFT, and what RLSR then gained.

python benchmarks/forecast_calibration.py add "my set" runs/mine/1-sft/forecast.json runs/mine/2-rlsr [--note TEXT]
python benchmarks/forecast_calibration.py show
"""

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from rlsr.errors import RunError
from rlsr.forecast.calibration import (
    KEPT,
    LEAST_POINTS,
    Calibration,
    CalibrationPoint,
    check_points,
    expected_gain,
    load_calibration,
    without,
)
from rlsr.forecast.result import UNSEEN, Forecast
from rlsr.forecast.verdict import Evidence, judge
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.typed_json import from_table
from rlsr.statistics import Estimate, paired_difference
from rlsr.statistics.in_words import mean_with_interval


def measured_gain(run: RunDirectory, encoder: str) -> Estimate:
    """Compare the held-out answers before and after RLSR.

    Args:
        run: The complete RLSR run that started from the SFT policy.
        encoder: What the forecast measured by.

    Returns:
        The paired difference of the unseen similarity.

    Raises:
        RunError: It was not measured, or by another encoder.
    """
    config = run.read_config()
    before, after = (run.read_evaluation(when) for when in ("before", "after"))
    if before is None or after is None:
        raise RunError(
            f"{run.path}: a gain needs held-out answers before and after, got none; finish the run"
        )
    if config.independent_embedding != encoder:
        raise RunError(
            f"{run.path}: the forecast measured by {encoder}, got a run measured by {config.independent_embedding}; forecast again "
            f"with evaluation.independent_embedding={config.independent_embedding}"
        )
    if [row.key for row in before] != [row.key for row in after]:
        raise RunError(f"{run.path}: answers before and after must be to the same prompts")
    scores = [np.array([row.scores[UNSEEN] for row in rows]) for rows in (before, after)]
    return paired_difference(*scores, confidence=config.evaluation.confidence)


def make_point(name: str, found: Forecast, run: RunDirectory, note: str) -> CalibrationPoint:
    """Put a forecast and what came of it together.

    Args:
        name: What tells the point from others.
        found: The forecast, made after SFT.
        run: The RLSR run from there.
        note: How it was measured.
    """
    asked = f"{found.num_prompts} prompts ({found.prompts}), {found.num_generations} samples each"
    return CalibrationPoint(
        name=name,
        reward=found.reward,
        encoder=found.encoder,
        best_minus_greedy=found.unseen.best_minus_greedy,
        best_minus_mean=found.unseen.best_minus_mean,
        gain=measured_gain(run, found.encoder),
        note=f"{asked}. {note}".strip(),
    )


def outcome(gain: Estimate) -> str:
    """Say what a measured gain shows."""
    if not gain.excludes_zero:
        return "unclear"
    return "paid" if gain.mean > 0 else "did not pay"


def validation(calibration: Calibration) -> list[str]:
    """Forecast each point from the others.

    Args:
        calibration: The points.

    Returns:
        Lines: a point each, rank correlation, and how often each verdict met each outcome.
    """
    points = calibration.points
    features = [point.best_minus_greedy.mean for point in points]
    gains = [point.gain.mean for point in points]
    lines = [
        f"{len(points)} points; rank correlation of best - greedy with the gain {stats.spearmanr(features, gains).statistic:+.2f}"
    ]
    if len(points) <= LEAST_POINTS:
        lines.append(
            f"to forecast each from the others takes {LEAST_POINTS + 1} points; these are shown as they are"
        )
    calls: Counter[tuple[str, str]] = Counter()
    for place, point in enumerate(points):
        measured = mean_with_interval(point.gain, 3, sign=True)
        lines.append(f"{point.name}: gained {measured}")
        if len(points) > LEAST_POINTS:
            expected = expected_gain(without(calibration, place), point.best_minus_greedy)
            evidence = Evidence(point.best_minus_greedy, point.best_minus_mean, expected)
            verdict = judge(evidence, None).verdict
            calls[verdict, outcome(point.gain)] += 1
            lines.append(f"  expected {mean_with_interval(expected, 3, sign=True)}: {verdict}")
    lines += [f"{verdict}, and RLSR {came}: {count}" for (verdict, came), count in calls.items()]
    return lines


def main() -> None:
    """Add a point, or show how good the forecast is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, default=KEPT, help="where the points stand")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add")
    add.add_argument("name")
    add.add_argument("forecast", type=Path, help="forecast.json, made after SFT")
    add.add_argument("run", type=Path, help="the RLSR run from there")
    add.add_argument("--note", default="")
    commands.add_parser("show")
    request = parser.parse_args()
    calibration = load_calibration(request.file)
    if request.command == "add":
        found = from_table(Forecast, read_json(request.forecast))
        point = make_point(request.name, found, RunDirectory.open(request.run), request.note)
        others = [other for other in calibration.points if other.name != point.name]
        calibration = replace(calibration, points=(*others, point))
        check_points(calibration, str(request.file))
        write_json(request.file, calibration)
    sys.stdout.write("\n".join(validation(calibration)) + "\n")


if __name__ == "__main__":
    main()
