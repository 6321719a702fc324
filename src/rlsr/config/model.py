"""Which policy is trained, and which of its weights."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from rlsr.config.base import ConfigTable


class LoraConfig(ConfigTable):
    """Low-rank adapters on every linear layer; the other weights stay as they are."""

    rank: int = Field(default=16, ge=1)
    """Rank of each adapter."""
    alpha: float = Field(default=32, gt=0)
    """Scale; the adapter's output is multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapter; 0 keeps rollouts and updates the same policy."""


class ModelConfig(ConfigTable):
    """The policy."""

    name: str = Field(default="builtin:smollm2-135m", min_length=1)
    """``builtin:smollm2-135m``, a Hugging Face model id, or a local directory."""
    revision: str | None = None
    """Revision of a Hugging Face model; pin it for runs that must be repeatable."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Type of the weights; ``auto`` is bfloat16 where the hardware computes in it, else float32."""
    lora: LoraConfig | None = LoraConfig()
    """Adapters to train; null trains all weights."""
    chat_template_kwargs: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Variables of the chat template, as in ``{enable_thinking: false}`` for models that would think first."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""

    def saved_in(self, directory: Path) -> "ModelConfig":
        """Name this policy as training has left it in a directory.

        Args:
            directory: With the model or the adapters, and the tokenizer; its template has the variables of the chat template by
                now.

        Returns:
            The same policy, to be loaded from there.
        """
        place: dict[str, object] = {
            "name": str(directory.resolve()),
            "revision": None,
            "chat_template_kwargs": {},
        }
        return self.model_copy(update=place)
