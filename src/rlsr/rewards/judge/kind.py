"""What is known of a judge before it is asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.config.judge import JudgeReward
from rlsr.config.remote import ChatEndpoint
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.data.visible import is_empty
from rlsr.models import Device
from rlsr.remote import ChatClient
from rlsr.rewards.judge.questions import questions_about
from rlsr.rewards.judge.scorer import Judge, parts_of
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.place import place_of
from rlsr.rewards.protocol import Part, Reward, RewardBatch
from rlsr.rewards.references import OverReferences, against_each


class JudgeKind(RewardKind[JudgeReward]):
    """The reward ``judge``."""

    config = JudgeReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List the judge's own score or its liking for a place, and what could not be scored."""
        return parts_of(self.settings(config))

    def describe(self, config: RunConfig) -> str:
        """Name the judge and what it is asked."""
        settings = self.settings(config)
        judge = f"{settings.endpoint.model} at {settings.endpoint.url}"
        if settings.mode == "pairwise":
            return f"the verdict of {judge} on response and reference, in both orders"
        lowest, highest = settings.range
        seen = "beside the reference" if settings.against_reference else "without a reference"
        return f"the score of {judge}, from {lowest:g} to {highest:g}, {seen}"

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """Leave out how the server is asked."""
        settings = self.settings(config)
        table = settings.model_dump(mode="json") | {
            "endpoint": settings.endpoint.decisive(),
            "prompt": settings.template,
        }
        return {"reward": table}

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse a key that is not there, and a package that is missing."""
        self._client(config).close()

    def endpoints(self, config: RunConfig) -> Mapping[str, ChatEndpoint]:
        """Give the judge's."""
        return {place_of("endpoint"): self.settings(config).endpoint}

    def questions(
        self, config: RunConfig, batch: RewardBatch
    ) -> Mapping[str, list[dict[str, Any]]]:
        """List what the judge is asked about responses."""
        settings = self.settings(config)
        rows = [row for row, text in enumerate(batch.responses) if not is_empty(text)]
        asked = batch.take(rows)
        if settings.sees_reference:
            asked = against_each(asked)
        bodies = [body for bodies in questions_about(settings, asked) for body in bodies]
        return {place_of("endpoint"): bodies}

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Reward:
        """Make the client; answers are kept as the endpoint says, since they cost money."""
        settings = self.settings(config)
        judge = Judge(settings, self._client(config))
        return OverReferences(judge, settings.references) if settings.sees_reference else judge

    def _client(self, config: RunConfig) -> ChatClient:
        return ChatClient(
            self.settings(config).endpoint,
            place_of("endpoint"),
            "go on, a run with --resume: what was answered is kept",
        )
