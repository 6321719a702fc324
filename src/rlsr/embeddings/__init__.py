"""Text encoders behind one protocol, and the cache that encodes references once."""

from rlsr.embeddings.cache import ReferenceCache
from rlsr.embeddings.load import (
    answers_of_servers,
    load_embedder,
    load_named_embedder,
    require_embedder,
)
from rlsr.embeddings.protocol import Embedder, Encoding

__all__ = [
    "Embedder",
    "Encoding",
    "ReferenceCache",
    "answers_of_servers",
    "load_embedder",
    "load_named_embedder",
    "require_embedder",
]
