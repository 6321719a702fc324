"""Servers of others: how they are asked, and what is said when they cannot be."""

from rlsr.remote.chat import ChatClient
from rlsr.remote.embeddings import Embedded, EmbeddingClient
from rlsr.remote.kept_answers import Answer

__all__ = ["Answer", "ChatClient", "Embedded", "EmbeddingClient"]
