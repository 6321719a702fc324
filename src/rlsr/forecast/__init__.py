"""Will RLSR pay on this data after this SFT? If choosing answers by the reward does not help, optimising it cannot."""

from rlsr.forecast.calibration import Calibration, CalibrationPoint, load_calibration
from rlsr.forecast.from_samples import Intervals, MetricScores, Samples, forecast
from rlsr.forecast.policy import forecast_policy
from rlsr.forecast.result import Forecast, Judgement, MetricEffect

__all__ = [
    "Calibration",
    "CalibrationPoint",
    "Forecast",
    "Intervals",
    "Judgement",
    "MetricEffect",
    "MetricScores",
    "Samples",
    "forecast",
    "forecast_policy",
    "load_calibration",
]
