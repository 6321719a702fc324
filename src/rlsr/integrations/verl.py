"""The reward as the ``compute_score`` of verl."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rlsr.api.settings import Config, Settings, plain
from rlsr.data.answered import AnsweredPrompt, read_answered
from rlsr.errors import DataError
from rlsr.integrations.hosted import HostedReward, require_scores
from rlsr.serving import Limits

ComputeScore = Callable[..., Awaitable[dict[str, float]]]

_OF_THE_HOST = frozenset({"prompt", "question", "num_turns", "rollout_reward_scores"})


def verl_reward(
    config: Config = None,
    *,
    settings: Settings = (),
    unscored: float | None = None,
    limits: Limits | None = None,
) -> ComputeScore:
    """Make a ``compute_score`` for the file that ``reward.custom_reward_function.path`` names.

    verl asks about one response at a time, from many tasks of an event loop; they are gathered into calls of many. Checked by the
    loader and the reward manager ``naive`` of verl 0.9.1.

    Args:
        config: A YAML file or a table, as ``rlsr train`` takes them; the default reward if not given.
        settings: Settings over it.
        unscored: What a response counts as that could not be scored. None ends the training: the mean of its group would be no number.
        limits: How many are scored at once.

    Returns:
        The function. Its ``ground_truth`` is the reference, or a list of several, and ``extra_info`` holds the prompt under ``prompt`` or
        ``question``, and further columns for rewards that read them.

    Raises:
        ConfigError: A setting cannot be used.
    """
    hosted = HostedReward(config, settings)

    async def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, float]:
        row = _row(data_source, solution_str, ground_truth, extra_info or {})
        # Opening the reward takes seconds, in which others may go on.
        gatherer = await asyncio.to_thread(hosted.gather, limits or Limits())
        scores = await asyncio.wrap_future(gatherer.submit([row]))
        (score,) = require_scores(scores, unscored, "verl")
        parts = scores[0].parts.items()
        return {
            "score": score,
            **{name: math.nan if value is None else value for name, value in parts},
        }

    return compute_score


def _row(
    data_source: str, response: str, ground_truth: Any, extra_info: Mapping[str, Any]
) -> AnsweredPrompt:
    columns = {name: _as_json(value) for name, value in extra_info.items()}
    prompt = columns.get("prompt") or columns.get("question")
    if prompt is None:
        raise DataError(
            f"verl_reward: verl tells a reward no prompt, and `extra_info` of {data_source} has none, either; put it there as `prompt`, a text "
            f"or messages, where the parquet file is written; there are {', '.join(columns) or 'no columns'}"
        )
    reference = _as_json(ground_truth)
    named = {"references": reference} if isinstance(reference, list) else {"reference": reference}
    further = {name: value for name, value in columns.items() if name not in _OF_THE_HOST}
    return read_answered(
        {**further, **named, "prompt": prompt, "response": response}, f"a response of {data_source}"
    )


def _as_json(value: Any) -> Any:
    """Write what parquet has made arrays of as lists."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist())
    return plain(value)
