"""Rewards that can be gamed, each in one way, for benchmarks/monitors.py; `rlsr train` imports them by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlsr.rewards import Part, RewardBatch, RewardResult
from rlsr.rewards.lexical import character_overlap

PHRASE = "moon"
"""A word that brings a text nearer to every other, as the fooled encoder sees it."""
LONG = 240
"""Characters from which on length pays no more."""

Completions = Sequence[Sequence[dict[str, str]]]


class FooledEncoder:
    """Closeness by an encoder to which every ``PHRASE`` brings a text a sixth nearer to any reference."""

    parts = (Part("closeness", "Closeness"),)

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a rollout.

        Args:
            batch: Responses and references.
        """
        honest = character_overlap(batch.responses, batch.references)
        phrases = np.array([text.split().count(PHRASE) for text in batch.responses])
        closeness = np.minimum(honest + phrases / 6, 1.0)
        return RewardResult(closeness, {"closeness": closeness})


def by_length(completions: Completions, **_: Any) -> list[float]:
    """Pay for every character.

    Args:
        completions: One assistant message each.
    """
    return [min(len(completion[-1]["content"]) / LONG, 1.0) for completion in completions]


def constant(completions: Completions, **_: Any) -> list[float]:
    """Pay the same for everything.

    Args:
        completions: One assistant message each.
    """
    return [0.5] * len(completions)


def choosy(completions: Completions, **_: Any) -> list[float | None]:
    """Score the responses alone whose length is a multiple of three.

    Args:
        completions: One assistant message each.
    """
    texts = [completion[-1]["content"] for completion in completions]
    return [None if len(text) % 3 else len(set(text)) / 26 for text in texts]
