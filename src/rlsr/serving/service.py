"""A config's reward and its encoder for many who ask at once."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config.run import RunConfig
from rlsr.data.answered import AnsweredPrompt
from rlsr.models import choose_device
from rlsr.rewards import Reward, RewardBatch, open_reward
from rlsr.serving.gathering import Gatherer, Limits

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class RowScore:
    """What a reward says of one response."""

    score: float | None
    """None where it could not be scored, which is not 0."""
    parts: Mapping[str, float | None]
    """What the score is made of, by name."""


def score_rows(reward: Reward, rows: Sequence[AnsweredPrompt]) -> list[RowScore]:
    """Score responses in one call.

    Args:
        reward: It scores.
        rows: Responses with what they answer, at least one.

    Returns:
        What it says of each, in their order.
    """
    result = reward.score(RewardBatch.of_answered(rows))
    parts = {name: values.tolist() for name, values in result.components.items()}
    return [
        RowScore(number(score), {name: number(values[row]) for name, values in parts.items()})
        for row, score in enumerate(result.scores.tolist())
    ]


def number(value: float) -> float | None:
    """Write what is no number as None."""
    return value if math.isfinite(value) else None


class RewardService:
    """A reward that is asked from many places at once, and the encoder of its config, loaded when first asked for.

    Args:
        config: It names the reward and the encoder.
        limits: How much is done at once, and how much may wait.
        observe: Told the number of rows and the seconds of each call of the reward.

    Raises:
        RlsrError: A part of the reward cannot be loaded.
    """

    def __init__(
        self,
        config: RunConfig,
        limits: Limits,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:
        self.config = config
        self._device = choose_device(config.device)
        self._reward = open_reward(config, self._device)
        self._embedder: Any = None
        # Both compute on the same device.
        alone = threading.Lock()
        self._scores: Gatherer[AnsweredPrompt, RowScore] = Gatherer(
            lambda rows: score_rows(self._reward, rows), limits, alone=alone, observe=observe
        )
        self._vectors: Gatherer[str, Vector] = Gatherer(self._encode, limits, alone=alone)

    @property
    def num_waiting(self) -> int:
        """Rows and texts that wait."""
        return self._scores.num_waiting + self._vectors.num_waiting

    def score(self, rows: Sequence[AnsweredPrompt]) -> "Future[list[RowScore]]":
        """Ask what the reward says.

        Args:
            rows: Responses with what they answer.

        Returns:
            What it says of each.

        Raises:
            TooManyWaiting: As ``Gatherer.submit``.
        """
        return self._scores.submit(rows)

    def embed(self, texts: Sequence[str]) -> "Future[list[Vector]]":
        """Ask for vectors of the config's encoder.

        Args:
            texts: Any texts.

        Returns:
            One of unit length each; zeros for a text without anything to encode, NaN where the encoder failed.

        Raises:
            TooManyWaiting: As ``Gatherer.submit``.
        """
        return self._vectors.submit(texts)

    def close(self, *, finish: bool = True) -> None:
        """Let go of the reward, after what waits was done or, without ``finish``, cancelled."""
        self._scores.close(finish=finish)
        self._vectors.close(finish=finish)
        self._reward.close()

    def _encode(self, texts: Sequence[str]) -> list[Vector]:
        if self._embedder is None:
            from rlsr.embeddings import load_embedder

            self._embedder = load_embedder(self.config.embedding, self._device)
        return list(self._embedder.encode(texts).vectors)
