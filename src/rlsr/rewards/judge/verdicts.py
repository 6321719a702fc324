"""What the answers of a judge mean; what is no verdict is never made one."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from rlsr.config.judge import JudgeReward
from rlsr.remote import Answer

Cause = Literal["unanswered", "verdict_cut", "no_verdict", "out_of_range"]

CAUSES: dict[Cause, str] = {
    "unanswered": "requests that failed after all their retries",
    "verdict_cut": "answers that were cut at the longest",
    "no_verdict": "answers without a verdict",
    "out_of_range": "scores outside of the range",
}
"""Why a response is unscored, in the order in which it is looked for, and the words for it."""

_LAST_CHARACTERS = 20_000
"""Of an answer; a verdict stands at its end."""


@dataclass(frozen=True)
class Verdict:
    """What a judge has said."""

    value: float | None
    """The score, or 1 where the first answer is better, 0 where the second is and 0.5 where neither is; None is no verdict."""
    cause: Cause | None = None
    """Why it is none."""


def verdict_of(config: JudgeReward, answer: Answer) -> Verdict:
    """Read the answer of a judge.

    Args:
        config: What was asked, and in which form the answer comes.
        answer: What came of the request.

    Returns:
        The verdict, or why there is none.
    """
    if answer.text is None:
        return Verdict(None, "unanswered")
    if answer.is_cut:
        return Verdict(None, "verdict_cut")
    whole = config.answers == "json_schema"
    found = _json_object(answer.text) if whole else last_object(answer.text)
    if config.mode == "pairwise":
        return _of_two(found.get("better"))
    score = _number(found.get("score"))
    if score is None:
        return Verdict(None, "no_verdict")
    lowest, highest = config.range
    return Verdict(score) if lowest <= score <= highest else Verdict(None, "out_of_range")


def last_object(text: str) -> dict[str, Any]:
    """Find the last JSON object of a text that stands in no other.

    Args:
        text: Prose, code fences and objects, whole or not.

    Returns:
        The object; empty where there is none.
    """
    text = text[-_LAST_CHARACTERS:]
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found: dict[str, Any] = {}
    place = text.find("{")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("{", end)
    return found


def _json_object(text: str) -> dict[str, Any]:
    """Read a text that is one JSON object; anything else is an empty one."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _of_two(better: object) -> Verdict:
    values = {0: 0.5, 1: 1.0, 2: 0.0}
    if isinstance(better, bool) or not isinstance(better, int) or better not in values:
        return Verdict(None, "no_verdict")
    return Verdict(values[better])


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is beyond any range
        return float("inf") if value > 0 else float("-inf")
