"""A client of servers that speak OpenAI's embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsr.config.embedding import EndpointEmbedding
from rlsr.remote.client import Client

Vector = NDArray[np.float32]

_PROBE = "All cats are animals."
# What servers say of a text that is too long, and of too many texts.
_TOO_MUCH = {400, 413, 422}


@dataclass(frozen=True)
class Embedded:
    """What came of one text."""

    vector: Vector | None
    """Its vector as the server gave it; None where the request failed after all its retries."""
    cause: str = ""
    """Why it failed."""
    is_refused: bool = False
    """Whether the server will not have this text, however often it is asked."""


class EmbeddingClient(Client):
    """Asks an encoder behind a server, many texts a request and several requests at a time.

    Args:
        config: Which server and model, and how they are asked.
        place: Where the config names them, for messages.
        afterwards: What a person does once an error is put right, as the end of the sentence "do this, then ...".

    Raises:
        ConfigError: The environment variable of the key is not set.
        MissingPackageError: requests is not installed.
    """

    def __init__(self, config: EndpointEmbedding, place: str, afterwards: str) -> None:
        super().__init__(config, place, afterwards)
        self._settings = config
        self._width: int | None = None

    @property
    def width(self) -> int:
        """Numbers of a vector; the server is asked once.

        Raises:
            RemoteError: As ``probe``.
        """
        if self._width is None:
            self._width = self.probe()
        return self._width

    def probe(self) -> int:
        """Ask about a short sentence.

        Returns:
            The numbers of its vector.

        Raises:
            RemoteError: The server does not answer, or with other dimensions than it is asked for.
        """
        (found,) = self._ask([_PROBE])
        if found.vector is None:
            raise self.error(
                "url",
                "no vector of a short sentence could be had",
                found.cause,
                "see that the server runs and can keep up, and that it has this model and these settings",
            )
        wanted, got = self._settings.dimensions, len(found.vector)
        if wanted not in {None, got}:
            raise self.error(
                "dimensions",
                f"vectors must have the {wanted} numbers that are asked for",
                f"the server gave {got}",
                "take a model that can be cut to fewer, or leave dimensions out",
            )
        return got

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """Encode texts.

        Args:
            texts: Any texts, with the prompt of the model before each.

        Returns:
            What came of each, in the order of the texts, whatever the order in which the server answers.

        Raises:
            RemoteError: The server refuses the key or knows no such model, or does not answer at all.
        """
        if not texts:
            return []
        self._width = self.width  # before the others are asked, so that each is compared with it
        size = self._settings.texts_per_request
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        return [found for batch in self.each(self._ask, batches) for found in batch]

    def _ask(self, texts: Sequence[str]) -> list[Embedded]:
        """Make one request; an answer that is none is asked for again, and what is too much at once is asked for in halves."""
        cause = ""
        for _ in range(self._settings.retries + 1):
            reply = self.post(self._body(texts))
            if reply.status in _TOO_MUCH:
                return self._ask_in_halves(texts, reply.cause)
            cause = reply.cause
            if reply.status != 200:
                break
            try:
                return [Embedded(row) for row in vectors_of(reply.content, len(texts), self._width)]
            except ValueError as error:
                cause = f"{error}: {reply.cause}"
        return [Embedded(None, cause)] * len(texts)

    def _ask_in_halves(self, texts: Sequence[str], cause: str) -> list[Embedded]:
        if len(texts) == 1:
            return [Embedded(None, cause, is_refused=True)]
        half = len(texts) // 2
        return [*self._ask(texts[:half]), *self._ask(texts[half:])]

    def _body(self, texts: Sequence[str]) -> dict[str, Any]:
        settings = self._settings
        dimensions = {} if settings.dimensions is None else {"dimensions": settings.dimensions}
        return {
            "input": list(texts),
            "encoding_format": "float",
            **dimensions,
            **settings.options,
        }


def vectors_of(content: Any, count: int, width: int | None) -> list[Vector]:
    """Read the vectors out of an answer.

    Args:
        content: The JSON of the answer, of any shape.
        count: Texts that were sent.
        width: Numbers that each vector must have; None where any will do, as long as all have as many.

    Returns:
        A vector a text, by the ``index`` of each and not by where it stands; NaN in the place of what is no finite float32.

    Raises:
        ValueError: It is not one vector for each text.
    """
    match content:
        case {"data": list(entries)}:
            pass
        case _:
            raise ValueError("no list `data` in the answer")
    by_index: dict[int, Vector] = {}
    for entry in entries:
        index = entry.get("index") if isinstance(entry, dict) else None
        if not isinstance(index, int) or isinstance(index, bool) or index in by_index:
            raise ValueError("vectors in the answer that do not each have an `index` of their own")
        by_index[index] = _vector_of(entry.get("embedding"))
    if by_index.keys() != set(range(count)):
        raise ValueError(f"{len(by_index)} vectors in the answer to {count} texts")
    widths = {len(vector) for vector in by_index.values()}
    if len(widths) > 1 or (width is not None and widths != {width}):
        raise ValueError(
            f"vectors of {' and '.join(map(str, sorted(widths)))} numbers where {width or 'one width'} was expected"
        )
    return [by_index[index] for index in range(count)]


def _vector_of(numbers: Any) -> Vector:
    if not isinstance(numbers, list) or not numbers:
        raise ValueError("a vector in the answer that is no list of numbers")
    if not all(number is None or type(number) in {int, float} for number in numbers):
        raise ValueError("a vector in the answer that holds something else than numbers")
    try:
        with np.errstate(over="ignore"):
            vector: Vector = np.array(numbers, dtype=np.float64).astype(np.float32)
    except OverflowError:  # a whole number beyond any float
        return np.full(len(numbers), np.nan, dtype=np.float32)
    vector[~np.isfinite(vector)] = np.nan
    return vector
