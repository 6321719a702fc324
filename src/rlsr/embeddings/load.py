"""From a config to an encoder."""

from pathlib import Path

from rlsr.config.embedding import (
    EmbeddingConfig,
    Encoder,
    EndpointEmbedding,
    SentenceTransformersEmbedding,
    embedding_named,
)
from rlsr.config.run import RunConfig
from rlsr.embeddings.builtin import builtin_encoder_path
from rlsr.embeddings.protocol import Embedder
from rlsr.errors import ModelError
from rlsr.hub import in_hub_cache, is_hub_id, known_to_hub


def require_embedder(config: EmbeddingConfig, key: str) -> None:
    """Refuse an encoder that is not there, without loading it.

    Args:
        config: Kind, model and settings.
        key: The setting that names it.

    Raises:
        ModelError: It is no built-in encoder, no directory with a model, and no model that the hub or its cache has.
        MissingPackageError: The package of a built-in encoder is not installed.
        ConfigError: The key of a server is not set.
        RemoteError: A server does not answer a request about a short sentence.
    """
    if isinstance(config, EndpointEmbedding):
        require_answer(config, key.removesuffix(".model"))
    if not isinstance(config, SentenceTransformersEmbedding):
        return
    place = Path(builtin_encoder_path(config.model, key))
    if place.is_dir():
        found = any((place / name).is_file() for name in ("modules.json", "config.json"))
        problem = "is a directory without an encoder: it has neither modules.json nor config.json"
    else:
        # sentence-transformers looks for a name alone among its own models.
        names = [config.model, *([] if "/" in config.model else [f"{_OWN}/{config.model}"])]
        found = is_hub_id(config.model) and any(
            in_hub_cache(name, config.revision) or known_to_hub(name) for name in names
        )
        problem = "is no directory, and neither the Hugging Face hub, as far as it can be reached, nor its cache has it"
    if not found:
        raise ModelError(
            f"{key}: {config.model!r} {problem}. Check the name, give a local directory, or use builtin:minilm or "
            "builtin:wordllama"
        )


_OWN = "sentence-transformers"


def require_answer(config: EndpointEmbedding, place: str) -> int:
    """Ask an encoder behind a server about a short sentence.

    Args:
        config: Which server and model, and how they are asked.
        place: Where the config names them, for messages.

    Returns:
        The numbers of its vectors.

    Raises:
        ConfigError: The key of the server is not set.
        MissingPackageError: requests is not installed.
        RemoteError: There is no answer that can be used.
    """
    from rlsr.remote import EmbeddingClient

    client = EmbeddingClient(config, place, "begin again")
    try:
        return client.probe()
    finally:
        client.close()


def answers_of_servers(config: RunConfig) -> dict[str, int]:
    """Ask the encoders of a run that are behind servers about a short sentence.

    Args:
        config: The config of the run.

    Returns:
        The numbers of a vector by what is asked, in words; nothing where no encoder is behind a server.

    Raises:
        RlsrError: As ``require_answer``.
    """
    named: dict[str, Encoder] = {"embedding": config.embedding}
    if config.evaluation.enabled and config.independent_embedding is not None:
        named["evaluation.independent_embedding"] = embedding_named(config.independent_embedding)
    return {
        f"{place}: {encoder.model} at {encoder.url}": require_answer(encoder, place)
        for place, encoder in named.items()
        if isinstance(encoder, EndpointEmbedding)
    }


def load_embedder(config: EmbeddingConfig, device: str, place: str = "embedding") -> Embedder:
    """Load the encoder that a config names.

    Args:
        config: Kind, model and settings.
        device: The run's device, for encoders that do not name their own.
        place: Where the config names it, for messages.

    Returns:
        The encoder, ready to use.
    """
    # Late imports: a static encoder needs neither torch nor sentence-transformers.
    if isinstance(config, SentenceTransformersEmbedding):
        from rlsr.embeddings.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(config, device)
    if isinstance(config, EndpointEmbedding):
        from rlsr.embeddings.endpoint import EndpointEmbedder

        return EndpointEmbedder(config, place)
    from rlsr.embeddings.static import StaticEmbedder

    return StaticEmbedder()


def load_named_embedder(encoder: str | Encoder, device: str, place: str = "embedding") -> Embedder:
    """Load an encoder of which only the name may be said.

    Args:
        encoder: A name as ``embedding_named`` takes it, with default settings then; or settings.
        device: The run's device.
        place: Where the config names it, for messages.

    Returns:
        The encoder, ready to use.
    """
    return load_embedder(embedding_named(encoder), device, place)
