"""From a config to an encoder."""

from pathlib import Path

from rlsr.config.embedding import (
    EmbeddingConfig,
    SentenceTransformersEmbedding,
    embedding_named,
)
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
    """
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


def load_embedder(config: EmbeddingConfig, device: str) -> Embedder:
    """Load the encoder that a config names.

    Args:
        config: Kind, model and settings.
        device: The run's device, for encoders that do not name their own.

    Returns:
        The encoder, ready to use.
    """
    # Late imports: a static encoder needs neither torch nor sentence-transformers.
    if isinstance(config, SentenceTransformersEmbedding):
        from rlsr.embeddings.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(config, device)
    from rlsr.embeddings.static import StaticEmbedder

    return StaticEmbedder()


def load_named_embedder(model: str, device: str) -> Embedder:
    """Load an encoder by its model's name alone, with default settings.

    Args:
        model: ``builtin:minilm``, ``builtin:wordllama``, a Hugging Face id or a local directory.
        device: The run's device.

    Returns:
        The encoder, ready to use.
    """
    return load_embedder(embedding_named(model), device)
