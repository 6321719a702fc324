"""How likely the references are to a policy, which its answers do not tell."""

import numpy as np

from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards.protocol import Scores


def _unknown(batch: HeldoutBatch) -> Scores:
    """Leave unscored what only the policy can tell; an evaluation asks it where it has it at hand."""
    return np.full(len(batch.responses), np.nan)


REFERENCE_NLL = Metric(
    "reference_nll",
    _unknown,
    label="negative log-likelihood of a reference's token",
    short_label="likelihood of the references",
    better="lower",
    rank=None,
    scorer=lambda config: [] if config.evaluation.likelihood else None,
)
