"""A client of servers that speak OpenAI's chat completions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.remote.client import Client


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    text: str | None
    """What the model wrote; None where the request failed after all its retries."""
    cause: str = ""
    """Why it failed."""


class ChatClient(Client):
    """Asks a model behind a server, several requests at a time; it takes what ``Client`` takes."""

    def ask(self, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Ask several things at once.

        Args:
            bodies: What each request says besides the model: ``messages``, ``max_tokens``, ``temperature`` and the like.

        Returns:
            The answers, in the order of the requests.

        Raises:
            RemoteError: The server refuses the key, or knows no such model; the others are not asked any more.
        """
        return self.each(self._ask, bodies)

    def _ask(self, body: Mapping[str, Any]) -> Answer:
        reply = self.post(body)
        if reply.content is None:
            return Answer(None, reply.cause)
        try:
            content: Any = reply.content["choices"][0]["message"]["content"]
        except (LookupError, TypeError):
            return Answer(None, f"no chat completion in the answer: {reply.cause}")
        # A model that ends at once has nothing to say: an answer, and no formula.
        return Answer(content if isinstance(content, str) else "")
