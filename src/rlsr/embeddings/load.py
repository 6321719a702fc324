"""From a config to an encoder."""

from rlsr.config.embedding import (
    EmbeddingConfig,
    SentenceTransformersEmbedding,
    embedding_named,
)
from rlsr.embeddings.protocol import Embedder


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
