"""What a reward says of answers in a chat, against a reference."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.chat.conversation import Turn
from rlsr.config import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.models import Device
from rlsr.rewards import Reward, RewardBatch, open_reward, reward_kind


@dataclass(frozen=True)
class ScoredPart:
    """One number of a reward for all answers."""

    name: str
    """As results of the reward name it; the whole is ``reward``."""
    title: str
    """What people see."""
    values: tuple[float, ...]
    """One an answer; NaN is unscored."""


class Scorer:
    """Scores answers by the reward of a run; it is opened when the first ones are scored.

    Args:
        config: The run's.
        device: Where the reward's models run.
    """

    def __init__(self, config: RunConfig, device: Device) -> None:
        self._config = config
        self._device: Device = device
        self._reward: Reward | None = None

    @property
    def description(self) -> str:
        """What is rewarded, in words."""
        return reward_kind(self._config).describe(self._config)

    def score(self, turns: Sequence[Turn], reference: str) -> list[ScoredPart]:
        """Score answers to the same question.

        Args:
            turns: One a model.
            reference: What they are compared with.

        Returns:
            The reward and its parts, in the order in which they are shown.

        Raises:
            RlsrError: The reward cannot be opened, or needs more of a row than a reference.
        """
        records = [
            PromptRecord(str(place), turn.messages, reference, "the chat")
            for place, turn in enumerate(turns)
        ]
        if self._reward is None:
            reward_kind(self._config).check(self._config, records)
            # What is asked in a chat is asked once: nothing of it is kept.
            self._reward = open_reward(self._config, self._device, keep=False)
        result = self._reward.score(
            RewardBatch(
                records,
                [turn.answer.text for turn in turns],
                [turn.answer.ended for turn in turns],
            )
        )
        parts = [ScoredPart("reward", "reward", tuple(result.scores.tolist()))]
        for part in self._reward.parts:
            if part.name in result.components:
                values = tuple(result.components[part.name].tolist())
                parts.append(ScoredPart(part.name, part.title, values))
        return parts

    def close(self) -> None:
        """Close the reward, where it was opened."""
        if self._reward is not None:
            self._reward.close()
