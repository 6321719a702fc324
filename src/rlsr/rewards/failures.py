"""What is left of a rollout where code that rlsr knows nothing of fails on some of its responses."""

import sysconfig
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlsr.rewards.protocol import RewardResult, Scores

_OWN = str(Path(__file__).parent.parent)
_LIBRARIES = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")})


def place_in_code(error: BaseException) -> str:
    """Say where in the user's own code an error came up.

    Args:
        error: As it was caught.

    Returns:
        The file and the line, as in ``/home/me/reward.py:12``: of the deepest call in a file of the user's; where there is none,
        of the deepest call of all.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((_OWN, *_LIBRARIES))]
    deepest = (theirs or frames)[-1]
    return f"{deepest.filename}:{deepest.lineno}"


def put_back(result: RewardResult, rows: Sequence[int], count: int) -> RewardResult:
    """Say what was found of some responses of a rollout as what is known of all.

    Args:
        result: Of some responses.
        rows: Their places.
        count: Responses of the rollout.

    Returns:
        The same, with NaN, and None for a text, in all other places.
    """
    places = np.array(rows, dtype=np.intp)

    def spread(values: Scores) -> Scores:
        all_values = np.full(count, np.nan)
        all_values[places] = values
        return all_values

    def spread_each(found: Mapping[str, Scores]) -> dict[str, Scores]:
        return {name: spread(values) for name, values in found.items()}

    texts: dict[str, list[str | None]] = {name: [None] * count for name in result.texts}
    for name, found in result.texts.items():
        for row, text in zip(rows, found, strict=True):
            texts[name][row] = text
    return replace(
        result,
        scores=spread(result.scores),
        components=spread_each(result.components),
        heldout=spread_each(result.heldout),
        texts=texts,
    )
