"""What code that rlsr knows nothing of returns as scores is made sure of before it is counted."""

import math
from collections.abc import Mapping, Sequence, Set
from numbers import Real
from typing import Any

import numpy as np

from rlsr.rewards.protocol import Scores

_SHOWN_CHARACTERS = 80


def checked_scores(found: Any, places: Sequence[str]) -> Scores:
    """Take one number a response, and refuse anything else.

    Args:
        found: A list, an array, a tensor or an iterator of what was returned.
        places: What each response is called in messages.

    Returns:
        The numbers, None as NaN: unscored.

    Raises:
        ValueError: It is nothing that has an order, has another length, or an element that is no number or infinite.
    """
    if not hasattr(found, "__iter__") or isinstance(found, str | bytes | Mapping | Set):
        raise ValueError(
            f"must be a list with a number or None for each response, got {shown(found)}"
        )
    values = list(found)
    if len(values) != len(places):
        raise ValueError(
            f"must be one score for each of {len(places)} responses, got {len(values)}"
        )
    for value, place in zip(values, places, strict=True):
        if not _is_score(value):
            raise ValueError(
                f"must be a finite number, or None where a response cannot be scored, got {shown(value)} for {place}"
            )
    return np.array(
        [math.nan if value is None else float(value) for value in values], dtype=np.float64
    )


def shown(value: object) -> str:
    """Write something out for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _is_score(value: Any) -> bool:
    """Say whether something is None or a number that is not infinite; NaN is, and so are elements of arrays and tensors."""
    if value is None:
        return True
    plain = value.item() if getattr(value, "ndim", None) == 0 else value
    return isinstance(plain, Real) and not math.isinf(plain)
