"""From what a forecast measures to what RLSR gained where that is known: a straight line through validation points."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rlsr.errors import DataError, RunError
from rlsr.runs.json_file import read_json
from rlsr.runs.typed_json import from_table
from rlsr.statistics import Estimate

KEPT = Path(__file__).with_name("calibration.json")
"""The points that come with the program."""

LEAST_POINTS = 3
"""Points without which the line has no spread around it."""

WAY_OUT = "mend the file; docs/forecast.md says what stands in it"


@dataclass(frozen=True)
class CalibrationPoint:
    """An SFT policy from which RLSR was trained, with the forecast before it and the outcome after it."""

    name: str
    """The data and what else tells it from other points."""
    reward: str
    """What RLSR was rewarded for, in words."""
    encoder: str
    """The encoder of the unseen similarity, as the config names it."""
    best_minus_greedy: Estimate
    """What the forecast found."""
    best_minus_mean: Estimate
    """What it found beside that."""
    gain: Estimate
    """Unseen similarity of greedy answers to held-out prompts after RLSR minus that of the SFT policy that it started from; NaN
    ends where no interval is known."""
    note: str
    """How it was measured, and what is wrong with it."""


@dataclass(frozen=True)
class Calibration:
    """Validation points of the forecast."""

    points: tuple[CalibrationPoint, ...]
    """At least three, with different features."""


@dataclass(frozen=True)
class Line:
    """A straight line by least squares."""

    intercept: float
    """The gain where best minus greedy is 0."""
    slope: float
    """Gain for each unit of best minus greedy."""
    residual_std: float
    """Standard deviation of gains around the line, num - 2 in its denominator."""
    centre: float
    """Mean of best minus greedy over the points."""
    sum_of_squares: float
    """Of best minus greedy around its mean."""
    num: int
    """Points."""

    def at(self, feature: float) -> float:
        """Expect a gain from best minus greedy."""
        return self.intercept + self.slope * feature

    def half_width(self, feature: float, confidence: float) -> float:
        """Half of the interval in which a new gain lies, if the feature is known without error.

        Args:
            feature: Best minus greedy.
            confidence: Level, in (0, 1).

        Returns:
            By Student's t with num - 2 degrees of freedom.
        """
        from scipy import stats

        leverage = 1 / self.num + (feature - self.centre) ** 2 / self.sum_of_squares
        quantile = float(stats.t.ppf((1 + confidence) / 2, self.num - 2))
        return quantile * self.residual_std * float(np.sqrt(1 + leverage))


def fit_line(calibration: Calibration) -> Line:
    """Fit gains to best minus greedy.

    Args:
        calibration: The points.
    """
    features = np.array([point.best_minus_greedy.mean for point in calibration.points])
    gains = np.array([point.gain.mean for point in calibration.points])
    centred = features - features.mean()
    sum_of_squares = float(centred @ centred)
    slope = float(centred @ gains) / sum_of_squares
    intercept = float(gains.mean() - slope * features.mean())
    residuals = gains - intercept - slope * features
    return Line(
        intercept,
        slope,
        residual_std=float(np.sqrt(residuals @ residuals / (len(gains) - 2))),
        centre=float(features.mean()),
        sum_of_squares=sum_of_squares,
        num=len(gains),
    )


def expected_gain(
    calibration: Calibration, feature: Estimate, *, confidence: float = 0.95
) -> Estimate:
    """Expect the gain of RLSR in the unseen similarity.

    The interval is that of a new point on the line, and the sampling error of the feature beside it: half widths are added as
    squares. Points were measured with such errors, too, which the spread around the line has in it already, so that the interval
    is rather too wide than too narrow.

    Args:
        calibration: The points.
        feature: Best minus greedy with its interval of the same level.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The gain; ``num`` counts points. Without an interval of the feature there is none of the gain.

    Source:
        Draper and Smith 1998, "Applied Regression Analysis", section 3.1, for the interval of a new observation.
    """
    line = fit_line(calibration)
    mean = line.at(feature.mean)
    of_line = line.half_width(feature.mean, confidence)
    half = float(np.hypot(of_line, line.slope * (feature.high - feature.low) / 2))
    return Estimate(mean, mean - half, mean + half, line.num)


def load_calibration(file: Path | None = None) -> Calibration:
    """Read validation points.

    Args:
        file: Of your own; None takes those that come with the program.

    Raises:
        DataError: The file cannot be read, or holds no line.
    """
    file = file or KEPT
    try:
        calibration = from_table(Calibration, read_json(file))
    except (RunError, ValueError) as error:
        raise DataError(f"{file}: must hold validation points: {error}; {WAY_OUT}") from error
    check_points(calibration, str(file))
    return calibration


def check_points(calibration: Calibration, where: str) -> None:
    """Refuse points that no line goes through.

    Args:
        calibration: The points.
        where: They stand, for the message.

    Raises:
        DataError: There are too few, a number is missing, or all features are the same.
    """
    features = [point.best_minus_greedy.mean for point in calibration.points]
    gains = [point.gain.mean for point in calibration.points]
    if len(features) < LEAST_POINTS:
        raise DataError(
            f"{where}: a line with an interval needs at least {LEAST_POINTS} points, got {len(features)}; {WAY_OUT}"
        )
    if not np.isfinite([*features, *gains]).all():
        raise DataError(
            f"{where}: best_minus_greedy and gain of every point need a mean, got null; {WAY_OUT}"
        )
    if len(set(features)) == 1:
        raise DataError(
            f"{where}: points need different best_minus_greedy, got {features[0]:g} for all; {WAY_OUT}"
        )


def without(calibration: Calibration, place: int) -> Calibration:
    """Leave a point out, to be forecast from the others.

    Args:
        calibration: The points.
        place: Of the one to leave out.
    """
    points = calibration.points
    return replace(calibration, points=(*points[:place], *points[place + 1 :]))
