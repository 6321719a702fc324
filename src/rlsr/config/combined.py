"""Several rewards as one."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from rlsr.config.base import ConfigTable
from rlsr.config.reward import SingleReward

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""A name that can stand in a setting and in the name of a metric."""


class Gate(ConfigTable):
    """What must hold for something to count: ``{member: NAME, at_least: SCORE}``, or the name alone as a string."""

    member: str
    """The member whose score is looked at."""
    at_least: float = 1.0
    """The score that it must have."""
    otherwise: float = 0.0
    """What counts in place of the score where it has less; no more than the worst score, or breaking the rule can pay."""

    @model_validator(mode="before")
    @classmethod
    def _one_word_is_the_member(cls, gate: Any) -> Any:
        return {"member": gate} if isinstance(gate, str) else gate


class Member(ConfigTable):
    """One of the rewards, and how it counts."""

    reward: Annotated[SingleReward, Field(discriminator="type")]
    """Any reward but another combined one."""
    weight: float = Field(default=1.0, ge=-1e6, le=1e6)
    """What its score is multiplied by in a sum; with 0 it is shown, and may be a gate, and does not count. A product takes 1 and 0
    alone."""
    gate: Gate | None = None
    """What must hold for its score to count; null lets it always count."""


class CombinedReward(ConfigTable):
    """Several rewards by name, as one number."""

    type: Literal["combined"] = "combined"
    members: Mapping[str, Member] = Field(min_length=1)
    """The rewards by a name of one's own, under which each is logged and shown."""
    how: Literal["sum", "product"] = "sum"
    """``sum``: of the scores times their weights. ``product``: of the scores, where one below 0 counts as 0, so that two bad ones
    do not make a good one."""
    gate: Gate | None = None
    """What must hold for anything to count; null lets all always count."""
    normalise: Literal["none", "group"] = "none"
    """``group``: what the policy learns from is the sum of the members' scores, each less its mean over the responses to the
    prompt and divided by its standard deviation there, so that each has the say that its weight gives it, whatever its range. What
    is logged, validated and compared are the scores as they are."""

    @model_validator(mode="after")
    def _names_are_names(self) -> Self:
        for name in self.members:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f".members: a name must be letters, digits and underscores, a letter first, as in right_number, got {name!r}"
                )
        return self

    @model_validator(mode="after")
    def _gates_lead_somewhere(self) -> Self:
        gates = {"gate": self.gate}
        gates |= {f"members.{name}.gate": member.gate for name, member in self.members.items()}
        for place, gate in gates.items():
            others = [name for name in self.members if place != f"members.{name}.gate"]
            if gate is not None and gate.member not in others:
                raise ValueError(
                    f".{place}.member: must be another member, {' or '.join(others) or 'of which there is none'}, got {gate.member!r}"
                )
        return self

    @model_validator(mode="after")
    def _counts(self) -> Self:
        weights = {name: member.weight for name, member in self.members.items()}
        if not any(weights.values()):
            raise ValueError(
                ".members: at least one must have a weight other than 0, since nothing counts otherwise"
            )
        odd = [name for name, weight in weights.items() if weight not in {0, 1}]
        if self.how == "product" and odd:
            raise ValueError(
                f".members.{odd[0]}.weight: has no effect on a product but a factor, so it must be 1, or 0 to leave the member "
                f"out, got {weights[odd[0]]:g}"
            )
        if self.gate is not None and self.normalise == "group":
            raise ValueError(
                ".gate: what counts in place of the whole means nothing beside numbers that are relative to their group, so "
                "with normalise=group each member must have its own, as in members.NAME.gate"
            )
        if self.how == "product" and self.normalise == "group":
            raise ValueError(
                ".normalise: is for sums; a product of numbers around 0 says nothing, so take none or how=sum"
            )
        return self


def single_rewards(reward: ConfigTable) -> dict[str, ConfigTable]:
    """List the rewards that a reward is made of.

    Args:
        reward: The reward of a config.

    Returns:
        By the place of their settings in the config: the members of a combined one, else the reward itself.
    """
    if not isinstance(reward, CombinedReward):
        return {"reward": reward}
    return {f"reward.members.{name}.reward": one.reward for name, one in reward.members.items()}
