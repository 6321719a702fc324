"""What is known of a reward without opening it: the reward describes itself, and nothing else in the program names it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from rlsr.config.base import ConfigTable
from rlsr.config.remote import ChatEndpoint
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.models import Device
from rlsr.rewards.protocol import Part, Reward, RewardBatch

Settings = TypeVar("Settings", bound=ConfigTable)


class RewardKind(ABC, Generic[Settings]):
    """One type of reward; it stands in ``rewards.table`` or is added by an installed package."""

    config: type[Settings]
    """Its settings; the default of their field ``type`` is the name of the reward."""

    def settings(self, config: RunConfig) -> Settings:
        """Take the settings of this reward out of a config.

        Args:
            config: The config of a run with this reward.
        """
        assert isinstance(config.reward, self.config), "the config names another reward"
        return config.reward

    @abstractmethod
    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List what the reward says beside its score.

        Args:
            config: The config of a run with this reward.

        Returns:
            The components of its results, in the order in which they are shown.
        """

    @abstractmethod
    def describe(self, config: RunConfig) -> str:
        """Say in words what is rewarded.

        Args:
            config: The config of a run with this reward.

        Returns:
            A noun with what qualifies it, without a full stop.
        """

    def seen_metrics(self, config: RunConfig) -> frozenset[str]:
        """List the held-out metrics that a policy is trained on by training on this reward.

        Args:
            config: The config of a run with this reward.

        Returns:
            Those that the reward has, or has nearly; ``reward`` is always one. The independent encoder never is, since a
            config refuses that.
        """
        return frozenset(self.heldout_metrics(config))

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """List the held-out metrics whose numbers come from the reward.

        Args:
            config: The config of a run with this reward.

        Returns:
            By metric what its numbers depend on besides the response, as JSON: equal values are equal scorers. ``reward`` is
            always one; the others are those of ``RewardResult.heldout``, and what an evaluation makes of its results.
        """
        return {"reward": self.settings(config).model_dump(mode="json")}

    def reads(self, config: RunConfig) -> Mapping[str, str]:
        """List the models and files that the reward reads beside the encoder, which a run that is resumed must find unchanged.

        Args:
            config: The config of a run with this reward.

        Returns:
            By setting a directory, a file or an id.
        """
        return {}

    def own_code(self, config: RunConfig) -> Mapping[str, str]:
        """List the files of the user's code that scores; a run that is resumed says where they have changed.

        Args:
            config: The config of a run with this reward, which has been checked.

        Returns:
            By setting a file.
        """
        return {}

    def memory_gb(self, config: RunConfig, device: Device) -> float:
        """Size up what the reward holds on the run's device besides the encoder.

        Args:
            config: The config of a run with this reward.
            device: The device of the run.

        Returns:
            Gigabytes (10^9 bytes).

        Raises:
            ModelError: A model of the reward cannot be found.
        """
        return 0.0

    def endpoints(self, config: RunConfig) -> Mapping[str, ChatEndpoint]:
        """Name the servers that are asked about responses.

        Args:
            config: The config of a run with this reward.

        Returns:
            Which ones, and what may be asked of them, by the setting that holds each.
        """
        return {}

    def questions(
        self, config: RunConfig, batch: RewardBatch
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """List what the servers are asked about responses, so that it is known what they cost.

        Args:
            config: The config of a run with this reward.
            batch: The responses, their prompts and references.

        Returns:
            Requests as ``ChatClient.ask`` takes them, equal ones included, by the same settings as ``endpoints``.
        """
        return {}

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse what the reward cannot work with, before a model is loaded.

        Args:
            config: The config of a run with this reward.
            records: The prompts whose responses it is to score.

        Raises:
            RlsrError: A setting of the reward cannot be used, or the records lack what it reads.
        """

    @abstractmethod
    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Reward:
        """Load what the reward needs.

        Args:
            config: The config of a run with this reward.
            device: Where its models run.
            keep: Whether vectors of references are kept across runs; without that each one costs what it costs.

        Returns:
            The reward, to be closed by the caller.

        Raises:
            RlsrError: A part cannot be loaded.
        """
