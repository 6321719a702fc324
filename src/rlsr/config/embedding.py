"""The text encoder behind the reward."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from rlsr.config.base import ConfigTable
from rlsr.config.remote import Endpoint
from rlsr.errors import ConfigError

_WAYS_OF_ASKING = {"api_key_env", "timeout_s", "retries", "concurrency", "texts_per_request"}
"""Settings of a server that decide how fast it answers, and not what."""


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

    @property
    def name(self) -> str:
        """The encoder in the short form."""
        return self.model


class StaticEmbedding(ConfigTable):
    """Averaged token vectors without any transformer: fast, no length limit, blind to word order."""

    type: Literal["static"] = "static"
    model: Literal["builtin:wordllama"] = "builtin:wordllama"
    """The one set of vectors that comes inside a package."""

    @property
    def name(self) -> str:
        """The encoder in the short form."""
        return self.model


class EndpointEmbedding(Endpoint):
    """An encoder behind a server that speaks OpenAI's embeddings: OpenAI, vLLM, text-embeddings-inference, Ollama."""

    path = "/embeddings"

    type: Literal["endpoint"] = "endpoint"
    prompt: str | None = None
    """A text put before every text, for models that want an instruction."""
    dimensions: int | None = Field(default=None, ge=1)
    """Dimensions that the server is asked for, where the model can be cut to fewer; null takes the model's own."""
    texts_per_request: int = Field(default=32, ge=1, le=2048)
    """Texts of one request."""
    max_characters: int | None = Field(default=None, ge=1)
    """Longest text that is sent, in characters without the prompt; what is longer is cut, counted and reported. Null sends every text
    whole, and the run ends where the server refuses one."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What else every request says, as in ``{truncate_prompt_tokens: -1}``, with which vLLM cuts long texts itself. What a server cuts
    is not counted."""

    @property
    def name(self) -> str:
        """The encoder in the short form."""
        return f"{self.url}{_SEPARATOR}{self.model}"


Encoder = SentenceTransformersEmbedding | StaticEmbedding | EndpointEmbedding
EmbeddingConfig = Annotated[Encoder, Field(discriminator="type")]

_SEPARATOR = "#"
"""Stands between the address and the model of an encoder behind a server, where both are one name."""


def expand_name(table: dict[str, Any]) -> dict[str, Any]:
    """Write out an encoder behind a server that is named by its address and its model together.

    Args:
        table: Settings of an encoder, with a model such as ``http://localhost:8000/v1#nomic-embed-text``, or with any other.

    Returns:
        A table with ``type``, ``url`` and ``model``; any other as it is.
    """
    name = table.get("model")
    if "type" in table or not isinstance(name, str) or not _is_address(name):
        return table
    url, _, model = name.partition(_SEPARATOR)
    rest = {key: value for key, value in table.items() if key != "model"}
    return {**rest, "type": "endpoint", "url": url, **({"model": model} if model else {})}


def _expanded(value: Any) -> Any:
    is_address = isinstance(value, str) and _is_address(value)
    return expand_name({"model": value}) if is_address else value


NamedEncoder = Annotated[
    Annotated[str, Tag("name")] | Annotated[EndpointEmbedding, Tag("endpoint")],
    Discriminator(lambda value: "endpoint" if isinstance(value, dict | Endpoint) else "name"),
    BeforeValidator(_expanded),
]
"""An encoder by its name alone, or one behind a server with its settings."""


def default_embedding_type(model: object) -> str:
    """Name the kind of encoder that a model name stands for when the config names no type; None is the default model."""
    return "static" if model in (None, "builtin:wordllama") else "sentence-transformers"


def embedding_named(encoder: str | Encoder) -> Encoder:
    """Write the settings of an encoder of which only the name is said.

    Args:
        encoder: ``builtin:minilm``, ``builtin:wordllama``, a Hugging Face id, a local directory, or the address of a server with its
            model, as in ``http://localhost:8000/v1#nomic-embed-text``; or settings, which are returned as they are.

    Raises:
        ConfigError: The address cannot be one, or no model stands behind it.
    """
    if not isinstance(encoder, str):
        return encoder
    if _is_address(encoder):
        try:
            return EndpointEmbedding.model_validate(expand_name({"model": encoder}))
        except ValidationError as error:
            # The name is not shown: it may hold a password.
            (mistake, *_) = error.errors(include_url=False, include_input=False)
            what = "model: is missing" if mistake["type"] == "missing" else mistake["msg"]
            raise ConfigError(
                f"an encoder behind a server is named as in http://localhost:8000/v1{_SEPARATOR}nomic-embed-text; {what}"
            ) from error
    if default_embedding_type(encoder) == "static":
        return StaticEmbedding()
    return SentenceTransformersEmbedding(model=encoder)


def vector_settings(encoder: str | Encoder | None) -> Any:
    """List what vectors depend on, so that equal settings are equal scorers.

    Args:
        encoder: Its name or its settings.

    Returns:
        JSON; how a server is asked is left out.
    """
    if encoder is None or isinstance(encoder, str):
        return encoder
    left_out = _WAYS_OF_ASKING if isinstance(encoder, EndpointEmbedding) else None
    return encoder.model_dump(mode="json", exclude=left_out)


def _is_address(name: str) -> bool:
    return name.startswith(("http://", "https://"))
