"""What graders see of a rollout: the items and samples of OpenAI's graders, made of our rows and responses."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rlsr.config.graders.template import Template
from rlsr.data.record import PromptRecord
from rlsr.rewards.protocol import RewardBatch, Scores

OWN_NAMES: Final = ("prompt", "messages", "reference", "references", "id", "category")
"""What an item has besides the further columns of the row."""

_TOOL_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


def item_of(record: PromptRecord) -> dict[str, Any]:
    """Make the item of a row.

    Args:
        record: The row.

    Returns:
        Its further columns by their names, and ``OWN_NAMES``: the prompt as text and as messages, the first reference and all of
        them, the row's id and its category.
    """
    return {
        **record.columns,
        "prompt": record.prompt,
        "messages": [{"role": one.role, "content": one.content} for one in record.messages],
        "reference": record.reference,
        "references": list(record.references),
        "id": record.id,
        "category": record.category,
    }


def sample_of(response: str, ended: bool | None = None) -> dict[str, Any]:
    """Make the sample of a response.

    Args:
        response: What the policy wrote.
        ended: Whether it ended by itself; None where that is not known.

    Returns:
        ``output_text``; ``output_json``, which is None where the response is no object and no list of JSON; ``output_tools``, the
        calls of tools that stand between ``<tool_call>`` tags; and all of that as ``choices``, as a chat completion has it.
    """
    tools = _tool_calls(response)
    finish_reason = None if ended is None else "stop" if ended else "length"
    message = {"role": "assistant", "content": response, "tool_calls": tools}
    return {
        "output_text": response,
        "output_json": _json(response),
        "output_tools": tools,
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
    }


def _json(text: str) -> Any:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _tool_calls(response: str) -> list[dict[str, Any]]:
    """Read the calls of tools that chat templates of Hermes, Qwen and others have between tags."""
    found = []
    for place, text in enumerate(_TOOL_CALL.findall(response)):
        call = _json(text)
        if isinstance(call, dict) and isinstance(call.get("name"), str):
            arguments = call.get("arguments", {})
            written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)  # fmt: skip
            function = {"name": call["name"], "arguments": written}
            found.append({"id": f"call_{place}", "type": "function", "function": function})
    return found


@dataclass(frozen=True)
class Rows:
    """Items and samples of a rollout."""

    items: Sequence[Mapping[str, Any]]
    samples: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, batch: RewardBatch) -> "Rows":
        """Make those of a rollout; responses to one row share its item."""
        items = {id(record): item_of(record) for record in batch.records}
        return cls(
            [items[id(record)] for record in batch.records],
            [sample_of(*pair) for pair in zip(batch.responses, batch.ended, strict=True)],
        )

    def __len__(self) -> int:
        return len(self.samples)

    def render(self, templates: Sequence[Template]) -> list[list[str] | None]:
        """Fill in templates for each response.

        Args:
            templates: Any number of them.

        Returns:
            The texts by response; None where one of them asks for what is absent.
        """
        rendered: list[list[str] | None] = []
        for item, sample in zip(self.items, self.samples, strict=True):
            texts = [template.render(item, sample) for template in templates]
            whole = [text for text in texts if text is not None]
            rendered.append(whole if len(whole) == len(texts) else None)
        return rendered


@dataclass(frozen=True)
class Grades:
    """What one grader says of a rollout."""

    scores: Scores
    """NaN where a response could not be graded."""
    missing: NDArray[np.bool_]
    """Which responses lack what a template asks for."""
    clipped: NDArray[np.bool_]
    """Which scores a model gave outside of its range."""
    causes: Sequence[str] = ()
    """Why responses could not be graded, one a response that was not."""
