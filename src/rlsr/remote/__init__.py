"""Servers of others: how they are asked, and what is said when they cannot be."""

from rlsr.remote.chat import Answer, ChatClient
from rlsr.remote.embeddings import Embedded, EmbeddingClient

__all__ = ["Answer", "ChatClient", "Embedded", "EmbeddingClient"]
