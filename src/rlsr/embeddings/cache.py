"""References are encoded once: within a run in memory, across runs on disk."""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rlsr.embeddings.protocol import Embedder, Encoding
from rlsr.runs.keyed_file import KeyedFile, digest_of

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 256 << 20
"""Of vectors that a session holds: 262,000 of the default encoder, 65,000 of one with 1,024 numbers."""
_UNIT = 1e-3
"""How far the length of a vector may be from 1; what the encoder gave is within rounding of float32."""


class ReferenceCache:
    """Vectors of texts that come back again and again, kept under a key of text and encoder.

    Memory holds those that were asked for last, and the file all of them: how many references a run has does not matter.

    Args:
        embedder: Encodes what is not known yet.
        directory: Holds one file an encoder identity; without one, what memory has no room for is encoded again.
        most_bytes: Of the vectors in memory.
    """

    def __init__(
        self, embedder: Embedder, directory: Path | None, *, most_bytes: int = MOST_BYTES
    ) -> None:
        self._embedder = embedder
        self._recent = RecentValues(most_bytes)
        self.num_encoded = 0
        self._file = None if directory is None else KeyedFile(directory, embedder.identity)

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Look texts up; encode and keep those that are new.

        Args:
            texts: Any texts, repeated ones included.

        Returns:
            Vectors and flags in the order of the texts, equal to what the encoder gives.
        """
        if not texts:
            return self._embedder.encode(())
        distinct = list(dict.fromkeys(texts))
        held = self._recent.read(distinct)
        kept = self._read([text for text in distinct if text not in held])
        made = self._make([text for text in distinct if text not in held and text not in kept])
        # What is not finite is unscored now; another time the encoder may do better.
        lasting = {text: value for text, value in made.items() if _is_finite(value)}
        if self._file is not None and lasting:
            self._file.write(lasting)
        self._recent.keep({**kept, **lasting})
        values = {**held, **kept, **made}
        found = [_vector_and_flag(values[text]) for text in texts]
        return Encoding(
            vectors=np.stack([vector for vector, _ in found]),
            truncated=np.array([truncated for _, truncated in found], dtype=np.bool_),
        )

    def _make(self, texts: Sequence[str]) -> dict[str, bytes]:
        if not texts:
            return {}
        encoding = self._embedder.encode(texts)
        self.num_encoded += len(texts)
        return {
            text: vector.astype(np.float32).tobytes() + bytes([bool(truncated)])
            for text, vector, truncated in zip(
                texts, encoding.vectors, encoding.truncated, strict=True
            )
        }

    def _read(self, texts: Sequence[str]) -> dict[str, bytes]:
        if self._file is None or not texts:
            return {}
        kept = self._file.read(texts)
        dimension = self._embedder.encode(()).vectors.shape[1]
        damaged = [text for text, value in kept.items() if not _is_vector(value, dimension)]
        if damaged:
            logger.warning(
                "%s: %d of %d vectors are damaged and are made again",
                self._file.path,
                len(damaged),
                len(kept),
            )
            self._file.forget(damaged)
        return {text: value for text, value in kept.items() if text not in damaged}


class RecentValues:
    """Values of the texts that were asked for last; the texts themselves are not held.

    Args:
        most_bytes: Of the values; the oldest make room.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._num_bytes = 0
        self._values: OrderedDict[bytes, bytes] = OrderedDict()

    def read(self, texts: Iterable[str]) -> dict[str, bytes]:
        """Look texts up; which are read are the newest again."""
        found = {}
        for text in texts:
            key = digest_of(text)
            if key in self._values:
                self._values.move_to_end(key)
                found[text] = self._values[key]
        return found

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Keep values by text."""
        for text, value in values.items():
            key = digest_of(text)
            self._num_bytes += len(value) - len(self._values.get(key, b""))
            self._values[key] = value
        while self._num_bytes > self._most_bytes:
            _, oldest = self._values.popitem(last=False)
            self._num_bytes -= len(oldest)


def _vector_and_flag(value: bytes) -> tuple[np.ndarray, bool]:
    return np.frombuffer(value, np.float32, (len(value) - 1) // 4), bool(value[-1])


def _is_finite(value: bytes) -> bool:
    return bool(np.isfinite(_vector_and_flag(value)[0]).all())


def _is_vector(value: bytes, dimension: int) -> bool:
    """Say whether an encoder of this dimension can have given a value."""
    if len(value) != 4 * dimension + 1 or value[-1] not in {0, 1}:
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is damaged
        length = float(np.linalg.norm(_vector_and_flag(value)[0]))
    return length == 0 or abs(length - 1) < _UNIT
