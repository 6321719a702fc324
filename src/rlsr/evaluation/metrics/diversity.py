"""How much of a response is said once."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from rlsr.config import RunConfig
from rlsr.data.overlap import words_of
from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards.protocol import Scores


def distinct(n: int, responses: Sequence[str]) -> Scores:
    """Measure which part of a response's word n-grams are different from one another.

    Args:
        n: Words in an n-gram.
        responses: The policy's answers.

    Returns:
        Different n-grams over all n-grams, in (0, 1]; NaN for a response of fewer than n words. A longer text repeats more words, so
        that lengths have to be alike where it is compared.

    Source:
        Li et al. 2016 (arXiv 1510.03055), distinct-1 and distinct-2. Deviation: theirs is one number for all responses, over the
        words; here each response has its own, so that there is an interval.
    """
    return np.array([_distinct(n, words_of(response)) for response in responses], dtype=np.float64)


def _distinct(n: int, words: Sequence[str]) -> float:
    found = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    return len(set(found)) / len(found) if found else float("nan")


def _score(n: int, batch: HeldoutBatch) -> Scores:
    return distinct(n, batch.responses)


def _scorer(config: RunConfig) -> Any:
    return [] if "distinct" in config.evaluation.further_metrics else None


METRICS = tuple(
    Metric(
        f"distinct_{n}",
        partial(_score, n),
        label=f"distinct {words} of a response",
        short_label=f"distinct {words}",
        better="higher",
        rank=None,
        scorer=_scorer,
    )
    for n, words in ((1, "words"), (2, "pairs of words"))
)
