"""The reward as a class in ``orms`` of ms-swift."""

from collections.abc import Sequence
from typing import Any

from rlsr.api.settings import Config, Settings
from rlsr.data.answered import read_answered
from rlsr.integrations.hosted import (
    HostedReward,
    columns_of,
    require_reference,
    require_scores,
)

_DROPPED = "ms-swift drops the last assistant turn of `messages`, so keep the answer in a further column named reference"
_OF_THE_HOST = frozenset(
    {"messages", "prompt_id", "request_id", "finish_reason", "is_truncated", "rollout_infos", "response_token_ids", "trajectory_inputs"}
)  # fmt: skip


def ms_swift_reward(
    config: Config = None, *, settings: Settings = (), unscored: float | None = None
) -> type:
    """Make a class for ``orms["rlsr"] = ...`` in a file that is named by ``--external_plugins``.

    Checked against the calls of ms-swift 4.6.0, as its own code makes them (``rl_core/grpo_algorithm.py``, ``grpo_trainer.py``); ms-swift
    itself was not run.

    Args:
        config: A YAML file or a table, as ``rlsr train`` takes them; the default reward if not given.
        settings: Settings over it.
        unscored: What a response counts as that could not be scored. None ends the training: ms-swift would take it for 0.

    Returns:
        The class; ms-swift makes an object of it and calls that with all responses of a step.

    Raises:
        ConfigError: A setting cannot be used.
    """
    hosted = HostedReward(config, settings)

    class RlsrReward:
        """Scores the responses of a step."""

        def __init__(self, args: Any = None, **_: Any) -> None:
            self.args = args

        def __call__(self, completions: Sequence[str], **host: Any) -> list[float]:
            columns = columns_of(host, len(completions))
            require_reference(columns, "ms_swift_reward", _DROPPED)
            rows = []
            for place, completion in enumerate(completions):
                further = {
                    name: values[place]
                    for name, values in columns.items()
                    if name not in _OF_THE_HOST
                }
                # The last turn is the response.
                prompt = columns["messages"][place][:-1]
                cut = columns.get("is_truncated", [None] * len(completions))[place]
                ended = None if cut is None else not cut
                fields = {**further, "prompt": prompt, "response": completion, "ended": ended}
                rows.append(read_answered(fields, f"response {place + 1}"))
            return require_scores(hosted.score(rows), unscored, "ms-swift")

    return RlsrReward
