"""What a judge is asked about responses, with a fence around what others have written."""

import hashlib
from collections.abc import Sequence
from itertools import count
from typing import Any

from rlsr.config.judge import JudgeReward
from rlsr.rewards.protocol import RewardBatch

Body = dict[str, Any]

_FENCE_DIGITS = 12


def fence_of(texts: Sequence[str]) -> str:
    """Choose a number that none of some texts holds, so that none of them can say where it ends.

    It follows from the texts: equal questions stay equal, and a policy that wrote it into a response would change it by that.

    Args:
        texts: What is to be fenced.

    Returns:
        Twelve hexadecimal digits.
    """
    whole = "\0".join(f"{len(text)}:{text}" for text in texts)
    for attempt in count():
        digest = hashlib.sha256(f"{attempt}:{whole}".encode("utf-8", "surrogatepass")).hexdigest()
        fence = digest[:_FENCE_DIGITS]
        if not any(fence in text for text in texts):
            return fence
    raise AssertionError("a text of finite length holds not every number")


def questions_about(config: JudgeReward, batch: RewardBatch) -> list[list[Body]]:
    """Write what a judge is asked about responses.

    Args:
        config: The judge's prompt and the form of its answers.
        batch: Responses with what they answer; the first reference alone is looked at.

    Returns:
        Requests for each response: one, or in ``pairwise`` two, the first of which has the response in the first place.
    """
    rows = zip(batch.prompts, batch.responses, batch.references, strict=True)
    return [
        [_body(config, prompt, response, reference, **order) for order in _orders(config)]
        for prompt, response, reference in rows
    ]


def _orders(config: JudgeReward) -> list[dict[str, bool]]:
    return [{}, {"swapped": True}] if config.mode == "pairwise" else [{}]


def _body(
    config: JudgeReward, prompt: str, response: str, reference: str, *, swapped: bool = False
) -> Body:
    first, second = (reference, response) if swapped else (response, reference)
    shown = [prompt, first, second] if config.sees_reference else [prompt, response]
    lowest, highest = config.range
    question = config.question(
        {
            "prompt": prompt,
            "response": response,
            "reference": reference,
            "first": first,
            "second": second,
            "fence": fence_of(shown),
            "lowest": f"{lowest:g}",
            "highest": f"{highest:g}",
        }
    )
    ours: Body = {
        "messages": [{"role": "user", "content": question}],
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
    }
    if config.answers == "json_schema":
        ours["response_format"] = _response_format(config)
    return {name: value for name, value in (ours | config.request).items() if value is not None}


def _response_format(config: JudgeReward) -> Body:
    verdict: tuple[str, Body] = ("score", {"type": "number"})
    if config.mode == "pairwise":
        verdict = ("better", {"type": "integer", "enum": [0, 1, 2]})
    name, kind = verdict
    # Reasons first: what a model has written is what it goes on from.
    schema = {
        "type": "object",
        "properties": {"reasons": {"type": "string"}, name: kind},
        "required": ["reasons", name],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": schema},
    }
