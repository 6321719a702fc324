"""How long responses are, and whether they came to their end."""

from collections.abc import Sequence

import numpy as np

from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards.protocol import Scores


def length_ratio(responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Compare lengths in characters.

    Args:
        responses: The policy's answers.
        references: The human-written answers to each prompt, at least one each and none empty.

    Returns:
        Length of the response over length of the reference, at least 0; 1 is as long as the reference. Of several references
        the one closest in length counts, and the shorter of two that are equally close.
    """
    ratios = []
    for response, texts in zip(responses, references, strict=True):
        length = len(response)
        closest = min(map(len, texts), key=lambda other: (abs(other - length), other))
        ratios.append(length / closest)
    return np.array(ratios, dtype=np.float64)


def _cut(batch: HeldoutBatch) -> Scores:
    return np.array(
        [np.nan if ended is None else float(not ended) for ended in batch.ended], dtype=np.float64
    )


LENGTH_RATIO = Metric(
    "length_ratio",
    lambda batch: length_ratio(batch.responses, batch.references),
    label="length / reference length",
    short_label="relative length",
    better="near_one",
    rank=None,
)

CUT = Metric(
    "cut",
    _cut,
    label="share cut at the maximum length",
    short_label="cut answers",
    better="lower",
    rank=None,
)
