"""The reward as the ``reward_func`` of OpenRLHF."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from rlsr.api.settings import Config, Settings
from rlsr.integrations.hosted import HostedReward, require_scores
from rlsr.serving import Limits
from rlsr.serving.openrlhf import read_query

RewardFunction = Callable[..., dict[str, Any]]


def openrlhf_reward(
    config: Config = None,
    *,
    settings: Settings = (),
    unscored: float | None = None,
    limits: Limits | None = None,
) -> RewardFunction:
    """Make a ``reward_func`` for the file that ``--reward.remote_url`` names.

    OpenRLHF asks about one response at a time, from many threads; they are gathered into calls of many. Checked by
    OpenRLHF 0.11.2's own executor, which loads the file and asks.

    Args:
        config: A YAML file or a table, as ``rlsr train`` takes them; the default reward if not given.
        settings: Settings over it.
        unscored: What a response counts as that could not be scored. None refuses it, which ends the training: OpenRLHF has no place for it.
        limits: How many are scored at once.

    Returns:
        The function; labels are the references.

    Raises:
        ConfigError: A setting cannot be used.
    """
    hosted = HostedReward(config, settings)

    def reward_func(
        queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any
    ) -> dict[str, Any]:
        import torch

        rows = [
            read_query(*row, place=f"response {place}")
            for place, row in enumerate(zip(queries, prompts, labels, strict=True), start=1)
        ]
        scores = hosted.gather(limits or Limits()).submit(rows).result()
        rewards = torch.tensor(require_scores(scores, unscored, "OpenRLHF"))
        names = scores[0].parts if scores else ()
        parts = {name: torch.tensor([_or_nan(one.parts[name]) for one in scores]) for name in names}
        return {"rewards": rewards, "scores": rewards, "extra_logs": parts}

    return reward_func


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
