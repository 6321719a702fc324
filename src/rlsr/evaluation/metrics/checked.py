"""What metrics of other packages return is checked before it is counted."""

from typing import Any

from rlsr.errors import EvaluationError, RlsrError
from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.evaluation.metrics.table import BUILT_IN
from rlsr.rewards.protocol import Scores
from rlsr.rewards.scores import checked_scores

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
    return counted_scores(values, len(batch.responses), who)


def counted_scores(values: Any, number: int, who: str) -> Scores:
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
    try:
        return checked_scores(values, [f"response {row + 1}" for row in range(number)])
    except ValueError as error:
        raise EvaluationError(f"{who} {error}; {WAY_OUT}") from error
