"""Encoders behind a server that speaks OpenAI's embeddings."""

import json
import logging
from collections.abc import Sequence

import numpy as np

from rlsr.config.embedding import EndpointEmbedding, vector_settings
from rlsr.embeddings.protocol import Encoding, unit_rows
from rlsr.remote import Embedded, EmbeddingClient

logger = logging.getLogger(__name__)


class EndpointEmbedder:
    """An encoder behind a server.

    Args:
        config: Which server and model, and how they are asked.
        place: Where the config names them, for messages.

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: EndpointEmbedding, place: str) -> None:
        self._config = config
        self._place = place
        self._client = EmbeddingClient(config, place, "go on with --resume or begin again")

    @property
    def identity(self) -> str:
        """Address, model and what every request says; what the server runs under the model's name is not known."""
        return "endpoint " + json.dumps(vector_settings(self._config), sort_keys=True)

    @property
    def dimension(self) -> int:
        """Numbers of a vector; the server is asked once.

        Raises:
            RemoteError: It does not answer, or with other dimensions than it is asked for.
        """
        return self._client.width

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Encode each distinct text once, many a request and several requests at a time.

        Args:
            texts: Any texts.

        Returns:
            Unit vectors in the order of the texts, NaN where a request failed after all its retries; flags for texts that were cut
            to ``max_characters``.

        Raises:
            RemoteError: The server refuses the key or a text, knows no such model, or every request failed, that about a short
                sentence, too.
        """
        limit = self._config.max_characters
        distinct = list(dict.fromkeys(texts))
        row_of = {text: row for row, text in enumerate(distinct)}
        vectors = np.zeros((len(distinct), self.dimension), dtype=np.float32)
        visible = [row for row, text in enumerate(distinct) if text.strip()]
        prompt = self._config.prompt or ""
        found = self._client.embed([prompt + distinct[row][:limit] for row in visible])
        self._require_some([distinct[row] for row in visible], found)
        for row, embedded in zip(visible, found, strict=True):
            vectors[row] = np.nan if embedded.vector is None else embedded.vector
        rows = [row_of[text] for text in texts]
        truncated = [limit is not None and len(text) > limit for text in texts]
        return Encoding(
            vectors=unit_rows(vectors[rows]), truncated=np.array(truncated, dtype=np.bool_)
        )

    def _require_some(self, texts: Sequence[str], found: Sequence[Embedded]) -> None:
        """End where a text is refused or nothing could be encoded; say how much could not be."""
        failed = [embedded for embedded in found if embedded.vector is None]
        refused = [
            (text, embedded)
            for text, embedded in zip(texts, found, strict=True)
            if embedded.is_refused
        ]
        if refused:
            text, embedded = max(refused, key=lambda pair: len(pair[0]))
            limit = self._config.max_characters
            raise self._client.error(
                "max_characters",
                f"a text of {len(text):,} characters{'' if limit is None else f', cut to {limit:,},'} is refused",
                embedded.cause,
                f"set it, or lower it, to what the model reads, or let the server cut (vLLM by {self._place}.options="
                "{truncate_prompt_tokens: -1}, text-embeddings-inference by --auto-truncate)",
            )
        if failed and len(failed) == len(found):
            self._client.probe()  # raises where it is not these texts alone
        if failed:
            logger.warning(
                "%d of %d texts could not be encoded by %s and are left unscored; the first one: %s",
                len(failed),
                len(found),
                self._config.url,
                failed[0].cause,
            )
