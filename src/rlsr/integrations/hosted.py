"""A config's reward inside of a process that is not ours."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.api.settings import Config, Settings, overrides_of, plain, read_layers
from rlsr.cli.main import prepare_environment
from rlsr.config import RunConfig
from rlsr.config.layers import merge_layers
from rlsr.config.load import check_config
from rlsr.data.answered import AnsweredPrompt
from rlsr.errors import DataError, RewardError
from rlsr.rewards import Reward
from rlsr.serving import Gatherer, Limits
from rlsr.serving.service import RowScore, score_rows

logger = logging.getLogger(__name__)


class HostedReward:
    """A reward that opens itself when it is first asked, once in each process that it is sent to.

    Args:
        config: A YAML file, the same as a table, or several of either; the ``config.json`` of a run gives the reward that it was trained on.
        settings: Settings over these, by dotted key.

    Raises:
        ConfigError: A setting cannot be used.
    """

    def __init__(self, config: Config = None, settings: Settings = ()) -> None:
        prepare_environment()
        self._given: RunConfig = check_config(
            merge_layers(read_layers(config), overrides_of(settings))
        )
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._reward: Reward | None = None
        self._gatherer: Gatherer[AnsweredPrompt, RowScore] | None = None

    def __getstate__(self) -> RunConfig:
        return self._given

    def __setstate__(self, given: RunConfig) -> None:
        self._given = given
        self._reset()

    def score(self, rows: Sequence[AnsweredPrompt]) -> list[RowScore]:
        """Score responses in one call.

        Args:
            rows: Responses with what they answer.

        Raises:
            RlsrError: A part of the reward cannot be loaded, or it fails.
        """
        if not rows:
            return []
        with self._lock:
            return score_rows(self._opened(), rows)

    def gather(self, limits: Limits) -> Gatherer[AnsweredPrompt, RowScore]:
        """Give the one gatherer of this process, for trainers that ask about one response at a time.

        Args:
            limits: Of its calls; those of the first who asks count.

        Raises:
            RlsrError: A part of the reward cannot be loaded.
        """
        with self._lock:
            if self._gatherer is None:
                reward = self._opened()
                self._gatherer = Gatherer(lambda rows: score_rows(reward, rows), limits)
            return self._gatherer

    def _opened(self) -> Reward:
        if self._reward is None:
            from rlsr.models import choose_device
            from rlsr.rewards import open_reward

            self._reward = open_reward(self._given, choose_device(self._given.device))
        return self._reward


def require_scores(scores: Sequence[RowScore], unscored: float | None, host: str) -> list[float]:
    """Give numbers to a trainer that has no place for a response that could not be scored.

    Args:
        scores: What the reward says.
        unscored: What such a response counts as; None refuses it.
        host: The trainer's name.

    Raises:
        RewardError: There is one, and nothing that it counts as.
    """
    numbers = [unscored if one.score is None else one.score for one in scores]
    missing = sum(number is None for number in numbers)
    if missing:
        message = (
            f"{host}: {missing} of {len(numbers)} responses could not be scored, and {host} would take that for a number; say what they "
            "count as, as in unscored=-1.0, or take a reward that scores them"
        )
        # Some trainers only note what a reward raises.
        logger.error(message)
        raise RewardError(message)
    return [number for number in numbers if number is not None]


def columns_of(host: Mapping[str, Any], count: int) -> dict[str, list[Any]]:
    """Pick the columns of the data out of what a trainer calls a reward with.

    Args:
        host: Its keyword arguments, its own state among them.
        count: The responses.

    Returns:
        The lists that have one entry a response.
    """
    return {
        name: plain(list(values))
        for name, values in host.items()
        if isinstance(values, list | tuple) and len(values) == count
    }


def require_reference(columns: Mapping[str, Any], host: str, where: str) -> None:
    """Refuse data whose references do not reach the reward, as where a trainer drops their column.

    Args:
        columns: The columns that have arrived.
        host: The trainer's name.
        where: What to do about it.

    Raises:
        DataError: There is neither ``reference`` nor ``references``.
    """
    if columns.keys().isdisjoint({"reference", "references"}):
        raise DataError(
            f"{host}: the data has no column `reference` (or `references`) that reaches the reward, got {', '.join(columns) or 'none'}; {where}"
        )
