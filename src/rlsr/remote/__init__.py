"""Servers of others: how they are asked, and what is said when they cannot be."""

from rlsr.remote.chat import Answer, ChatClient

__all__ = ["Answer", "ChatClient"]
