"""Training methods; a method is a name with vetted defaults."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rlsr.config.base import ConfigTable
from rlsr.config.method_base import MethodTable
from rlsr.config.preference import DpoMethod
from rlsr.config.supervised import DftMethod, IwSftMethod, PearMethod, SftMethod


class AdvantageConfig(ConfigTable):
    """How rewards within the group of one prompt become advantages."""

    scale: Literal["group_std", "none"] = "group_std"
    """``group_std`` divides by max(standard deviation of the group, ``std_floor``); ``none`` only subtracts the mean."""
    std_floor: float = Field(default=0.02, ge=0)
    """Smallest divisor, in units of the reward: a group of nearly equal cosines is not blown up to full size."""
    min_std: float = Field(default=1e-6, ge=1e-9)
    """Groups whose rewards spread no more than this have no signal: they are counted and take no part in the update."""


class RlsrMethod(MethodTable):
    """RLSR (arXiv 2510.14200): GRPO on the similarity to the reference. docs/papers.md gives each default its source."""

    type: Literal["rlsr"] = "rlsr"
    num_generations: int = Field(default=8, ge=2)
    """Responses sampled for each prompt: the group."""
    update_subset: int | None = Field(default=None, ge=2)
    """Responses of each group that the update learns from: those whose rewards have the largest variance, which are some
    of the highest and some of the lowest (PODS, arXiv 2504.13818). Mean and standard deviation of the advantages are
    theirs, and so is the average of the loss. At most ``num_generations``; null is all responses."""
    kl_coefficient: float = Field(default=0.001, ge=0)
    """Weight of the KL divergence from the reference policy, the policy before training."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of the rollouts."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus of the sampling; below 1 the rollouts are no longer samples of the policy that is updated."""
    loss_average: Literal["token", "sequence"] = "token"
    """``token``: every token of the batch weighs the same; ``sequence``: every response does, as in the GRPO paper."""
    clip: float = Field(default=0.2, gt=0, lt=1)
    """Half-width of the probability-ratio clip; without effect while every update is on-policy, as here."""
    advantage: AdvantageConfig = AdvantageConfig()
    """How rewards become advantages."""

    @field_validator("update_subset")
    @classmethod
    def _subset_of_the_group(cls, size: int | None, info: ValidationInfo) -> int | None:
        group = info.data.get("num_generations")
        if size is not None and group is not None and size > group:
            raise ValueError(
                f"must be at most method.num_generations = {group}, got {size}; sample more responses, or take null to "
                "learn from all of them"
            )
        return size

    @property
    def responses_per_prompt(self) -> int:
        """Responses of a prompt that the update learns from."""
        return self.update_subset or self.num_generations

    @property
    def needs_reference(self) -> bool:
        """Whether the policy before training takes part."""
        return self.kl_coefficient > 0


SupervisedMethod = SftMethod | DftMethod | IwSftMethod | PearMethod
"""Methods that learn from the references alone: a weighted sum of the log-probabilities of their tokens."""

MethodConfig = Annotated[
    RlsrMethod | SftMethod | DftMethod | IwSftMethod | PearMethod | DpoMethod,
    Field(discriminator="type"),
]
