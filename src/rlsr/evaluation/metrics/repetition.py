"""Responses that break the repetition rule, whether or not the reward applies it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from rlsr.config import RunConfig
from rlsr.config.reward import RepetitionConfig
from rlsr.data.record import PromptRecord
from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.rewards.protocol import Scores
from rlsr.rewards.repetition import breaks_repetition_rule

NAME = "repetition"


def repetition_rule(reward: Mapping[str, Any]) -> RepetitionConfig:
    """Take the rule of a reward.

    Args:
        reward: Settings of any reward, also of one that this version does not know.

    Returns:
        Its rule, in force; the default one where it has none.
    """
    try:
        rule = RepetitionConfig.model_validate(reward.get("repetition") or {})
    except ValidationError:  # of another version, or of a reward that means something else by it
        rule = RepetitionConfig()
    return rule.model_copy(update={"enabled": True})


def repetition(
    rule: RepetitionConfig, records: Sequence[PromptRecord], responses: Sequence[str]
) -> Scores:
    """Flag responses that break the repetition rule.

    Args:
        rule: The rule, in force.
        records: What was asked, with the human-written answers.
        responses: The policy's answers.

    Returns:
        1 where the rule is broken, else 0. Of several references any may allow a passage, by its length.
    """
    broken = [
        all(
            breaks_repetition_rule(
                rule, prompt=record.prompt, response=response, reference=reference
            )
            for reference in record.references
        )
        for record, response in zip(records, responses, strict=True)
    ]
    return np.array(broken, dtype=np.float64)


def _rule_of(config: RunConfig) -> RepetitionConfig:
    return repetition_rule(config.reward.model_dump())


def _scorer(config: RunConfig) -> dict[str, Any]:
    return _rule_of(config).model_dump(mode="json", exclude={"enabled", "penalty"})


def _repetition(batch: HeldoutBatch) -> Scores:
    return repetition(_rule_of(batch.config), batch.records, batch.responses)


METRICS = (
    Metric(
        NAME,
        _repetition,
        label="share that breaks the repetition rule",
        short_label="repetition",
        better="lower",
        rank=None,
        scorer=_scorer,
    ),
)
