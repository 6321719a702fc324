"""The text encoder behind the reward."""

from typing import Annotated, Literal

from pydantic import Field

from rlsr.config.base import ConfigTable


class SentenceTransformersEmbedding(ConfigTable):
    """A transformer encoder loaded by sentence-transformers."""

    type: Literal["sentence-transformers"] = "sentence-transformers"
    model: str = Field(default="builtin:minilm", min_length=1)
    """``builtin:minilm`` (all-MiniLM-L6-v2), a Hugging Face model id, or a local directory."""
    revision: str | None = None
    """Revision of a Hugging Face model."""
    prompt_name: str | None = None
    """Name of one of the model's own prompts, put before every text."""
    prompt: str | None = None
    """A text put before every text, for models that want an instruction; not together with ``prompt_name``."""
    device: str = "auto"
    """Device of the encoder; ``auto`` is the run's device."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the encoder's weights; ``auto`` is bfloat16 where the hardware computes in it, else float32. It changes a
    cosine by less than 0.003 (docs/log.md)."""
    max_tokens: int | None = Field(default=None, ge=8)
    """Longest text in tokens; null keeps the model's own maximum. What is longer is cut, counted and reported."""
    tokens_per_batch: int | None = Field(default=None, ge=8)
    """Upper bound on rows times longest row of a batch, padding included; null is 8,192, and 1,024 on a CPU, where padding costs
    more than a further batch."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""


class StaticEmbedding(ConfigTable):
    """Averaged token vectors without any transformer: fast, no length limit, blind to word order."""

    type: Literal["static"] = "static"
    model: Literal["builtin:wordllama"] = "builtin:wordllama"
    """The one set of vectors that comes inside a package."""


EmbeddingConfig = Annotated[
    SentenceTransformersEmbedding | StaticEmbedding, Field(discriminator="type")
]


def default_embedding_type(model: object) -> str:
    """Name the kind of encoder that a model name stands for when the config names no type; None is the default model."""
    return "static" if model in (None, "builtin:wordllama") else "sentence-transformers"


def embedding_named(model: str) -> SentenceTransformersEmbedding | StaticEmbedding:
    """Write the settings of an encoder of which only the name is said.

    Args:
        model: ``builtin:minilm``, ``builtin:wordllama``, a Hugging Face id or a local directory.
    """
    if default_embedding_type(model) == "static":
        return StaticEmbedding()
    return SentenceTransformersEmbedding(model=model)
