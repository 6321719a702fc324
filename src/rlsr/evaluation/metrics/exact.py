"""Responses that are the reference, where that is a short answer."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from rlsr.config import RunConfig
from rlsr.evaluation.metrics.metric import Metric
from rlsr.rewards.protocol import Scores
from rlsr.rewards.verifiers.exact import without_differences

NAME = "exact_match"

MOST_WORDS: Final = 5
"""Of a reference that is a short answer; a longer one is a text that nobody writes twice."""

_IGNORED: Final = ("case", "white_space", "punctuation")


def exact_match(responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Flag responses that are the reference, case, white space and punctuation aside.

    Args:
        responses: The policy's answers.
        references: The human-written answers to each prompt, at least one each.

    Returns:
        1 where a response is one of the references of up to ``MOST_WORDS`` words, else 0; NaN where no reference is that short.
    """
    scores = []
    for response, texts in zip(responses, references, strict=True):
        short = {_plain(text) for text in texts if len(text.split()) <= MOST_WORDS} - {""}
        scores.append(float(_plain(response) in short) if short else np.nan)
    return np.array(scores, dtype=np.float64)


def _plain(text: str) -> str:
    return without_differences(text, _IGNORED)


def _scorer(config: RunConfig) -> Any:
    return [] if NAME in config.evaluation.further_metrics else None


METRICS = (
    Metric(
        NAME,
        lambda batch: exact_match(batch.responses, batch.references),
        label="share of exact matches",
        short_label="exact match",
        better="higher",
        tie_margin=0.0,
        rank=45,
        scorer=_scorer,
    ),
)
