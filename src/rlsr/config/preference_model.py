"""A model of preferences as the reward: which one, what it reads and which of its numbers counts."""

from typing import Literal

from pydantic import Field

from rlsr.config.base import ConfigTable
from rlsr.config.model import ModelConfig


class PreferenceModelReward(ConfigTable):
    """The score of a sequence classifier: a Bradley-Terry reward model, or any that tells good texts from bad ones."""

    type: Literal["preference_model"] = "preference_model"
    model: str = Field(min_length=1)
    """A directory, as the ``final/`` of a run with ``method=reward_model``, or a Hugging Face model id."""
    revision: str | None = None
    """Revision of a Hugging Face model."""
    reads: Literal["auto", "chat", "pair", "response"] = "auto"
    """What it is shown. ``chat``: prompt and response in its tokenizer's chat template; ``pair``: the prompt as a first text and the
    response as a second; ``response``: the response alone. ``auto`` is ``chat`` where the tokenizer has a template, else
    ``pair``."""
    label: str | None = None
    """Which of its labels counts; null is the only one. Their names stand in the model's ``config.json``, under ``id2label``."""
    output: Literal["logit", "probability"] = "logit"
    """``logit``: the model's number as it is; ``probability``: the sigmoid of the only label's, or the label's share of all labels'
    (softmax), which saturates and holds outliers back."""
    relative_to_reference: bool = False
    """Whether the score of the reference is subtracted, the mean of several: then 0 is as good as the reference. Within a group it
    changes no advantage."""
    max_tokens: int | None = Field(default=None, ge=8)
    """Longest text; null is as many as the model has positions. Of a longer chat the beginning is cut off, so
    that the end of the response is read, of other texts the end; what is cut is counted."""
    tokens_per_batch: int | None = Field(default=None, ge=8)
    """Upper bound on rows times longest row of a batch, padding included; null is 8,192, and 1,024 on a CPU."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device of the model; ``auto`` is the run's device."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Type of the weights; ``auto`` is bfloat16 where the hardware computes in it, else float32."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""

    @property
    def classifier(self) -> ModelConfig:
        """The model as ``rlsr.models`` loads it."""
        return ModelConfig(
            name=self.model,
            revision=self.revision,
            dtype=self.dtype,
            lora=None,
            trust_remote_code=self.trust_remote_code,
        )
