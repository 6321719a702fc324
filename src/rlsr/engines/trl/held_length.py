"""What a run knows of the length of its responses so far, kept in its checkpoints."""

from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from rlsr.config.method import RlsrMethod
from rlsr.engines.rollout import Rollout
from rlsr.methods.advantages import Floats
from rlsr.methods.held_length import (
    LengthLevel,
    hold_length,
    log_length_ratios,
    longest_writable,
)


class HeldLength(TrainerCallback, ExportableState):
    """Holds the mean length of responses at that of their references.

    Args:
        method: Strength, and size of a group.
        max_tokens: Where a response is cut.
    """

    def __init__(self, method: RlsrMethod, max_tokens: int) -> None:
        self._method = method
        self._max_tokens = max_tokens
        self._before = LengthLevel()
        self._now = LengthLevel()

    @property
    def level(self) -> float:
        """Mean of the log ratio of lengths over the last steps, the one that was rewarded last included."""
        return self._now.value

    def rewards(self, rewards: Floats, rollout: Rollout) -> Floats:
        """Take in a rollout, and say what its responses count as.

        Args:
            rewards: One a response of the rollout; NaN is unscored.
            rollout: Of all processes.

        Returns:
            As of ``hold_length``.
        """
        method, responses = self._method, rollout.responses
        longest = longest_writable(responses, rollout.num_tokens, self._max_tokens)
        references = [record.references for record in rollout.records]
        ratios = log_length_ratios(responses, references, longest=longest)
        self._now = self._before.after(ratios)
        strength = method.advantage.hold_length
        return hold_length(
            rewards, ratios, method.num_generations, level=self.level, strength=strength
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Go on from what a checkpoint has kept."""
        kept = state.stateful_callbacks.get(type(self).__name__)
        if kept:
            self._before = self._now = LengthLevel(**kept["attributes"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count the step: one that ends before its update is taken again."""
        self._before = self._now

    def state(self) -> dict[str, Any]:
        """Say what a checkpoint keeps."""
        own = {"total": self._before.total, "weight": self._before.weight}
        return {"args": {}, "attributes": own}
