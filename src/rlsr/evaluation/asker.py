"""A policy as suites ask it that have more to ask than one answer a prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rlsr.config import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.evaluation.generate import answer_prompts
from rlsr.evaluation.kept_responses import KeptResponses
from rlsr.models import Policy


class Answer(NamedTuple):
    """What a policy answered to a prompt."""

    text: str
    """The answer."""
    ended: bool
    """Whether it ended by itself and was not cut at the longest."""


@dataclass(frozen=True)
class Asker:
    """Lets one policy answer prompts, as the config of a run says."""

    policy: Policy
    """The policy."""
    config: RunConfig
    """The resolved config of the run."""
    on_progress: Callable[[int, int], None] | None = None
    """To be told how many of a suite's answers are there, of how many."""
    directory: Path | None = None
    """Where a suite may leave files of its own beside its answers, and find those that it left before an interruption; None
    keeps nothing."""
    kept: KeptResponses | None = None
    """Responses of this policy from before; None keeps none."""

    def answer(
        self,
        records: Sequence[PromptRecord],
        *,
        max_response_tokens: int,
        temperature: float | None = None,
        draw: int = 0,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """Let the policy answer each prompt once.

        Args:
            records: The prompts.
            max_response_tokens: Where an answer is cut.
            temperature: Divides the logits, 0 takes the most likely tokens; None is ``evaluation.temperature``.
            draw: Which of several answers to the same prompts, so that each is another one.
            on_progress: Told how many of these are answered; by default as ``self.on_progress``.

        Returns:
            One answer a prompt.
        """
        settings = self.config.evaluation
        texts, cut = answer_prompts(
            self.policy,
            records,
            max_response_tokens=max_response_tokens,
            batch_size=settings.batch_size,
            temperature=settings.temperature if temperature is None else temperature,
            seeds=[(self.config.seed, place, draw) for place in range(len(records))],
            on_progress=on_progress or self.on_progress,
            kept=self.kept,
        )
        return [Answer(text, not was_cut) for text, was_cut in zip(texts, cut, strict=True)]
