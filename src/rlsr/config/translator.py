"""Which model turns free text into formulas, and how it is asked."""

import os
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from rlsr.config.base import ConfigTable
from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError

TEXT = "{text}"
"""What the prompt has in place of the text."""

DEFAULT_PROMPT = (
    "Describe the core meaning of the passage as one formula of first-order logic, with ∀ ∃ ¬ ∧ ∨ → ↔ as in "
    "∀x (Cat(x) → Animal(x)). Answer with the formula alone.\n\n{text}"
)
"""For models that were not trained to translate; one that was is asked as in its training."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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


class EndpointTranslator(_Translator):
    """A model behind a server that speaks OpenAI's chat completions, asked at temperature 0."""

    type: Literal["endpoint"] = "endpoint"
    url: str
    """Address of the server, up to what comes before ``/chat/completions``, as in ``http://localhost:8000/v1``."""
    model: str
    """The model's name on the server."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself belongs into no config. Null sends none."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds to wait for a connection, and then for an answer."""
    retries: int = Field(default=3, ge=0, le=20)
    """How often a request is sent again, after growing pauses, where the server is not reached, busy or in trouble."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests under way at once."""

    @property
    def source(self) -> str:
        """What translates, for people."""
        return f"{self.model} at {self.url}"

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            # Not shown: what is refused here is a secret.
            raise ValueError(
                "must hold no user name and no password, since every run keeps its config; name the environment variable "
                "of a key in api_key_env"
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"must be an address of http or https, as in http://localhost:8000/v1, got {url!r}"
            )
        if url.rstrip("/").endswith("/chat/completions"):
            raise ValueError(f"must end before /chat/completions, which is added, got {url!r}")
        return url.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _a_name_and_no_key(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            # Not shown: it may be the key.
            raise ValueError(
                "must be the name of an environment variable, as in OPENAI_API_KEY, and not the key itself"
            )
        return name

    def read_key(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Read the key.

        Args:
            environment: Where variables are looked up.

        Returns:
            The key; None where none is sent.

        Raises:
            ConfigError: The variable is not set, or empty.
        """
        if self.api_key_env is None:
            return None
        key = environment.get(self.api_key_env, "").strip()
        if not key:
            raise ConfigError(
                f"reward.translator.api_key_env: the environment variable {self.api_key_env} must hold the key, but is not "
                "set; export it, or use reward.translator.api_key_env=null for a server that asks for none"
            )
        return key


TranslatorConfig = ModelTranslator | EndpointTranslator
