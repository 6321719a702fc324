"""Which model turns free text into formulas, and how it is asked."""

from typing import Literal

from pydantic import Field, field_validator

from rlsr.config.base import ConfigTable
from rlsr.config.model import ModelConfig
from rlsr.config.remote import ChatEndpoint

TEXT = "{text}"
"""What the prompt has in place of the text."""

DEFAULT_PROMPT = (
    "Describe the core meaning of the passage as one formula of first-order logic, with ∀ ∃ ¬ ∧ ∨ → ↔ as in "
    "∀x (Cat(x) → Animal(x)). Answer with the formula alone.\n\n{text}"
)
"""For models that were not trained to translate; one that was is asked as in its training."""


class _Translator(ConfigTable):
    """What every translator has."""

    prompt: str = DEFAULT_PROMPT
    """What is asked, with ``{text}`` where the text comes; other braces stay as they are."""
    max_tokens: int = Field(default=128, ge=1, le=32768)
    """Longest formula in tokens; a longer one is cut, and then hardly ever a formula."""

    @field_validator("prompt")
    @classmethod
    def _text_comes_once(cls, prompt: str) -> str:
        if prompt.count(TEXT) != 1:
            raise ValueError(
                f"must have {TEXT} exactly once, where the text comes, got it {prompt.count(TEXT)} times in {prompt!r}"
            )
        return prompt

    def question(self, text: str) -> str:
        """Write what the translator is asked about a text.

        Args:
            text: Any text.

        Returns:
            The prompt with the text in its place.
        """
        return self.prompt.replace(TEXT, text)


class ModelTranslator(_Translator):
    """A causal language model that runs beside the policy, on the run's device, and answers greedily."""

    type: Literal["model"] = "model"
    name: str
    """A Hugging Face model id or a local directory, with LoRA adapters too: the ``final/`` of a run translates."""
    revision: str | None = None
    """Revision of a Hugging Face model."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Type of the weights; ``auto`` is bfloat16 where the hardware computes in it, else float32."""
    chat_template_kwargs: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Variables of the chat template, as in ``{enable_thinking: false}`` for models that would think first."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""
    batch_size: int = Field(default=32, ge=1)
    """Texts translated at a time."""

    @property
    def source(self) -> str:
        """What translates, for people."""
        return self.name

    @property
    def language_model(self) -> ModelConfig:
        """The model as a policy's would be named."""
        return ModelConfig(
            name=self.name,
            revision=self.revision,
            dtype=self.dtype,
            lora=None,
            chat_template_kwargs=self.chat_template_kwargs,
            trust_remote_code=self.trust_remote_code,
        )


class EndpointTranslator(_Translator, ChatEndpoint):
    """A model behind a server that speaks OpenAI's chat completions, asked at temperature 0."""

    type: Literal["endpoint"] = "endpoint"

    @property
    def source(self) -> str:
        """What translates, for people."""
        return f"{self.model} at {self.url}"


TranslatorConfig = ModelTranslator | EndpointTranslator
