"""Measuring while training: on which prompts, how often, by what, and when it ends training."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from rlsr.config.base import ConfigTable

MetricOfPolicies = Literal["reward", "independent_similarity", "chrf", "nll"]
MetricOfScorers = Literal["pair_loss", "pair_accuracy"]
ValidationMetric = Literal["auto"] | MetricOfPolicies | MetricOfScorers


class ValidationConfig(ConfigTable):
    """Prompts that are neither trained on nor held out choose which weights of a run are kept; of any method."""

    num_prompts: int | float = Field(default=0, ge=0)
    """Prompts that are taken out of the training prompts by ``data.seed``, so that the held-out prompts stay unseen by every
    choice: a share below 1, or a count; 0 measures nothing and keeps the last weights."""
    max_prompts: int = Field(default=32, ge=1)
    """Upper bound on the prompts when ``num_prompts`` is a share: more cost time at every measurement."""
    every_steps: int = Field(default=10, ge=1)
    """Steps between two measurements; the policy before the first step and after the last one is measured, too."""
    patience: int | None = Field(default=None, ge=1)
    """Measurements in a row that are no better than the best before them, after which training ends; null never ends it."""
    tolerance: float = Field(default=2.0, ge=0)
    """Standard errors of the difference, prompt by prompt, that weights may be behind the best before them and still be kept, as more
    training has gone into them; 0 keeps the best measurement, as does ``nll``, whose noise is small."""
    metric: ValidationMetric = "auto"
    """What decides which weights are the best: ``independent_similarity`` of greedy answers to the references by the encoder
    that the reward never saw, their ``chrf``, their ``reward``, or ``nll``, the mean negative log-likelihood of a reference's token
    in nats, which needs no answers and is better lower. ``auto`` is the first where the config has such an encoder, else ``reward``. A
    ``reward_model`` is measured on pairs: by ``pair_loss``, its mean Bradley-Terry loss, which is ``auto`` and better lower, or by
    ``pair_accuracy``, the share of pairs in the right order."""

    @field_validator("num_prompts")
    @classmethod
    def _share_or_count(cls, number: float) -> float:
        if number >= 1 and number != int(number):
            raise ValueError(
                f"must be a share below 1 or a whole number of prompts, got {number:g}"
            )
        return int(number) if number >= 1 else number

    @model_validator(mode="after")
    def _patience_has_prompts(self) -> Self:
        if self.patience is not None and not self.num_prompts:
            raise ValueError(
                f"patience: counts measurements, and none are made without validation prompts, got {self.patience}; set "
                "validation.num_prompts, as in validation.num_prompts=32, or validation.patience=null"
            )
        return self
