"""How well a scorer tells the better answer of a pair from the worse one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards.protocol import Scores

ACCURACY, LOSS, MARGIN = "pair_accuracy", "pair_loss", "pair_margin"


def pair_scores(scores: Sequence[tuple[float, float]]) -> dict[str, Scores]:
    """Measure pairs.

    Args:
        scores: Of the better and the worse answer of each pair; NaN is unscored.

    Returns:
        By metric one number a pair, NaN where one of the two is unscored: ``pair_accuracy`` is 1 where the better answer scores higher,
        0 where the worse one does and 0.5 where both score alike; ``pair_margin`` is the difference; ``pair_loss`` is
        -log sigmoid of it, the loss of Bradley and Terry in nats.
    """
    better, worse = np.array(scores, dtype=np.float64).reshape(-1, 2).T
    margins: NDArray[np.float64] = better - worse
    with np.errstate(invalid="ignore"):  # what is NaN stays NaN
        losses = np.logaddexp(0.0, -margins)
    return {ACCURACY: 0.5 + 0.5 * np.sign(margins), LOSS: losses, MARGIN: margins}


def _unknown(batch: HeldoutBatch) -> Scores:
    """Leave unscored what is no matter of responses; ``PairEvaluation`` asks the scorer."""
    return np.full(len(batch.responses), np.nan)


METRICS = (
    Metric(
        ACCURACY,
        _unknown,
        label="pairs in the right order",
        short_label="pair accuracy",
        better="higher",
        rank=110,
        of="scorer",
    ),
    Metric(
        LOSS,
        _unknown,
        label="Bradley-Terry loss of a pair",
        short_label="pair loss",
        better="lower",
        rank=120,
        of="scorer",
    ),
    Metric(MARGIN, _unknown, label="margin of a pair", better="higher", rank=None, of="scorer"),
)
