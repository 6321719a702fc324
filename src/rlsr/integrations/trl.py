"""The reward as a function among ``reward_funcs`` of TRL's trainers, and of Unsloth's, which are these."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from rlsr.api.settings import Config, Settings
from rlsr.data.answered import read_answered
from rlsr.integrations.hosted import HostedReward, columns_of, require_reference

_DROPPED = "TRL drops the columns prompt and completion before a reward sees them, so rename the answers' column to reference"


class TrlReward:
    """Called by ``GRPOTrainer`` with all responses of a step; can be pickled, for trainers that score in another process.

    Args:
        hosted: The reward.
    """

    __name__ = "rlsr"
    """TRL names the reward's metrics by it."""

    def __init__(self, hosted: HostedReward) -> None:
        self._hosted = hosted

    def __call__(
        self,
        *,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None] | None = None,
        **host: Any,
    ) -> list[float | None]:
        """Score the responses of a step.

        Args:
            prompts: Texts or conversations.
            completions: Texts or conversations, one a prompt.
            log_metric: TRL's way to log a number.
            host: The other columns of the data, one of them ``reference`` or ``references``, and the trainer's state.

        Returns:
            One score a response; None where it could not be scored, which TRL leaves out.

        Raises:
            DataError: The references do not reach the reward, or a row cannot be used.
        """
        columns = columns_of(host, len(completions))
        require_reference(columns, "trl_reward", _DROPPED)
        columns.pop("completion_ids", None)
        rows = []
        for place, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            further = {name: values[place] for name, values in columns.items()}
            fields = {**further, "prompt": prompt, "response": _text(completion)}
            rows.append(read_answered(fields, f"response {place + 1}"))
        scores = self._hosted.score(rows)
        if log_metric is not None and scores:
            for name in scores[0].parts:
                known = [value for one in scores if (value := one.parts[name]) is not None]
                log_metric(f"rlsr/{name}", math.fsum(known) / len(known) if known else math.nan)
            log_metric("rlsr/num_unscored", float(sum(one.score is None for one in scores)))
        return [one.score for one in scores]


def trl_reward(config: Config = None, *, settings: Settings = ()) -> TrlReward:
    """Make a reward for ``GRPOTrainer(reward_funcs=...)``.

    Checked inside of a real ``GRPOTrainer`` of TRL 1.16.

    Args:
        config: A YAML file or a table, as ``rlsr train`` takes them; the default reward if not given.
        settings: Settings over it, as in ``{"embedding": "builtin:minilm"}``.

    Returns:
        The function; the reward is opened when it is first called.

    Raises:
        ConfigError: A setting cannot be used.
    """
    return TrlReward(HostedReward(config, settings))


def _text(completion: Any) -> Any:
    """Take the answer out of a conversation; a parser of responses may leave one without content."""
    return completion if isinstance(completion, str) else completion[-1]["content"] or ""
