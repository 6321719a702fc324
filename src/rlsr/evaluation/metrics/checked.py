"""What metrics of other packages return is checked before it is counted."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from rlsr.errors import EvaluationError, RlsrError
from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.evaluation.metrics.table import BUILT_IN
from rlsr.rewards.protocol import Scores

WAY_OUT = "mend or uninstall its package"


def metric_scores(metric: Metric, batch: HeldoutBatch) -> Scores:
    """Score answers by a metric.

    Args:
        metric: The metric.
        batch: The answers.

    Returns:
        One number an answer; NaN is unscored.

    Raises:
        EvaluationError: A metric of an installed package fails, or returns something else.
    """
    who = f"metric {metric.name!r}"
    try:
        values = metric.score(batch)
    except RlsrError:
        raise
    except Exception as error:
        if metric.name in BUILT_IN:
            raise
        raise EvaluationError(f"{who} fails: {type(error).__name__}: {error}; {WAY_OUT}") from error
    return checked_scores(values, len(batch.responses), who)


def checked_scores(values: Any, number: int, who: str) -> Scores:
    """Make sure that scores are what they must be.

    Args:
        values: What was returned.
        number: How many responses there are.
        who: Returned them, for messages.

    Returns:
        One number a response; None has become NaN.

    Raises:
        EvaluationError: It is no sequence of numbers, or of another length, or has an infinite number.
    """
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str | bytes):
        raise EvaluationError(
            f"{who} must return a list or an array of numbers, got {type(values).__name__}; {WAY_OUT}"
        )
    if len(values) != number:
        raise EvaluationError(
            f"{who} must return one number a response, got {len(values)} for {number} responses; {WAY_OUT}"
        )
    for row, value in enumerate(values):
        if value is not None and not (
            isinstance(value, Real | np.bool_) and not np.isinf(float(value))
        ):
            raise EvaluationError(
                f"{who}: the score of response {row + 1} must be a finite number, or NaN or None where it is unscored, got "
                f"{value!r}; {WAY_OUT}"
            )
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
