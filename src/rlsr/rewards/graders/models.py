"""Graders that ask a model: what it is asked, and what is taken for an answer."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from rlsr.config.graders.schema import LabelModel, SamplingParams, ScoreModel

_STEPS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"description": {"type": "string"}, "conclusion": {"type": "string"}},
        "required": ["description", "conclusion"],
        "additionalProperties": False,
    },
}


def request(grader: ScoreModel | LabelModel, texts: Sequence[str], model: str) -> dict[str, Any]:
    """Write what the server is asked.

    Args:
        grader: Its table.
        texts: The filled-in texts of its messages, in order.
        model: The model's name on the server.

    Returns:
        The body of a chat completion, which asks for an answer in the shape that OpenAI's guide gives: ``steps`` with what was
        thought, and ``result``.
    """
    rest = iter(texts)
    messages = [
        {"role": message.role, "content": "".join(next(rest) for _ in message.texts)}
        for message in grader.input
    ]
    return {
        "model": model,
        "messages": messages,
        **_sampling(grader.sampling_params),
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "grade",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"steps": _STEPS, "result": _result_schema(grader)},
                    "required": ["steps", "result"],
                    "additionalProperties": False,
                },
            },
        },
    }


def _result_schema(grader: ScoreModel | LabelModel) -> dict[str, Any]:
    if isinstance(grader, LabelModel):
        return {"type": "string", "enum": grader.labels}
    return {"type": "number"}


def _sampling(params: SamplingParams) -> dict[str, Any]:
    given = params.model_dump(exclude_none=True)
    # As chat completions call it.
    if "max_completions_tokens" in given:
        given["max_completion_tokens"] = given.pop("max_completions_tokens")
    return given


def reader(grader: ScoreModel | LabelModel) -> Callable[[str], tuple[float, bool]]:
    """Make what reads the answers of a grader's model.

    Args:
        grader: Its table.

    Returns:
        From what the model wrote to a score, and whether it lay outside of the range and was clipped. It raises ValueError for what is
        no answer: no JSON, no ``result``, or one that is no number or no label.
    """
    if isinstance(grader, LabelModel):
        return lambda text: (_label(_result(text), grader), False)
    low, high = grader.range

    def read(text: str) -> tuple[float, bool]:
        value = _number(_result(text))
        return min(max(value, low), high), not low <= value <= high

    return read


def _result(text: str) -> Any:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the answer is no JSON: {_short(text)}") from error
    if not isinstance(answer, dict) or "result" not in answer:
        raise ValueError(f"the answer has no result: {_short(text)}")
    return answer["result"]


def _number(result: Any) -> float:
    if isinstance(result, bool) or not isinstance(result, int | float):
        raise ValueError(f"the result is no number: {_short(repr(result))}")  # noqa: TRY004 - an answer of others
    try:
        value = float(result)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"the result is no finite number: {_short(repr(result))}")
    return value


def _label(result: Any, grader: LabelModel) -> float:
    if result not in grader.labels:
        raise ValueError(f"the result is none of the labels: {_short(repr(result))}")
    return float(result in grader.passing_labels)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"
