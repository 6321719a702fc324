"""Formulas by a model behind a server that speaks OpenAI's chat completions."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from rlsr.config.translator import EndpointTranslator
from rlsr.remote import ChatClient
from rlsr.rewards.place import place_of
from rlsr.rewards.translation import Translator

logger = logging.getLogger(__name__)

# Where all fail: few are asked about once the others are known, and these may be what the server cannot read.
_EASY_TEXT = "All cats are animals."


class EndpointTranslatorClient(Translator):
    """A model behind a server.

    Args:
        config: Which server and model, and how they are asked.

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: EndpointTranslator) -> None:
        self._config = config
        self._client = ChatClient(
            config,
            place_of("translator"),
            "go on with --resume: what was translated before is kept",
        )

    @property
    def identity(self) -> str:
        """Address, model, prompt and length limit; what the server runs under the model's name is not known."""
        settings = self._config.model_dump(include={"url", "model", "prompt", "max_tokens"})
        return "endpoint " + json.dumps(settings, sort_keys=True)

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        """Translate texts, several at a time.

        Args:
            texts: Any texts.

        Returns:
            What the model wrote, in the order of the texts; None where the request failed after all its retries.

        Raises:
            RemoteError: The server refuses the key or knows no such model, or every request failed, that about a plain
                sentence, too.
        """
        answers = self._client.ask([self._body(text) for text in texts])
        failed = [answer for answer in answers if answer.text is None]
        if failed and len(failed) == len(answers):
            (easy,) = self._client.ask([self._body(_EASY_TEXT)])
            if easy.text is None:
                raise self._client.error(
                    "url",
                    f"none of {len(answers)} texts could be translated",
                    failed[0].cause,
                    "see that the server runs and can keep up",
                )
        if failed:
            logger.warning(
                "%d of %d texts could not be translated by %s and are left unscored; the first one: %s",
                len(failed),
                len(answers),
                self._config.url,
                failed[0].cause,
            )
        return [answer.text for answer in answers]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _body(self, text: str) -> dict[str, Any]:
        return {
            "messages": [{"role": "user", "content": self._config.question(text)}],
            "max_tokens": self._config.max_tokens,
            "temperature": 0,
        }
