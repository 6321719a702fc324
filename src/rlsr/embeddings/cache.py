"""References are encoded once: within a run in memory, across runs on disk."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlsr.embeddings.protocol import Embedder, Encoding
from rlsr.runs.keyed_file import KeyedFile

logger = logging.getLogger(__name__)

_UNIT = 1e-3
"""How far the length of a vector may be from 1; what the encoder gave is within rounding of float32."""


class ReferenceCache:
    """Vectors of texts that come back again and again, kept under a key of text and encoder.

    Args:
        embedder: Encodes what is not known yet.
        directory: Holds one file an encoder identity; None keeps everything in memory.
    """

    def __init__(self, embedder: Embedder, directory: Path | None) -> None:
        self._embedder = embedder
        self._memory: dict[str, tuple[np.ndarray, bool]] = {}
        self.num_encoded = 0
        self._file = None if directory is None else KeyedFile(directory, embedder.identity)

    def encode(self, texts: Sequence[str]) -> Encoding:
        """Look texts up; encode and keep those that are new.

        Args:
            texts: Any texts, repeated ones included.

        Returns:
            Vectors and flags in the order of the texts, equal to what the encoder gives.
        """
        unknown = [text for text in dict.fromkeys(texts) if text not in self._memory]
        self._read(unknown)
        missing = [text for text in unknown if text not in self._memory]
        if missing:
            encoding = self._embedder.encode(missing)
            for text, vector, truncated in zip(
                missing, encoding.vectors, encoding.truncated, strict=True
            ):
                self._memory[text] = (vector, bool(truncated))
            self.num_encoded += len(missing)
            self._write(missing)
        if not texts:
            return self._embedder.encode(())
        found = [self._memory[text] for text in texts]
        # What is not finite is unscored now; another time the encoder may do better.
        for text in missing:
            if not np.isfinite(self._memory[text][0]).all():
                del self._memory[text]
        return Encoding(
            vectors=np.stack([vector for vector, _ in found]),
            truncated=np.array([truncated for _, truncated in found], dtype=np.bool_),
        )

    def _read(self, texts: Sequence[str]) -> None:
        if self._file is None or not texts:
            return
        kept = self._file.read(texts)
        dimension = self._embedder.encode(()).vectors.shape[1]
        found = {text: _vector_of(value, dimension) for text, value in kept.items()}
        self._memory |= {text: vector for text, vector in found.items() if vector is not None}
        damaged = [text for text, vector in found.items() if vector is None]
        if damaged:
            logger.warning(
                "%s: %d of %d vectors are damaged and are made again",
                self._file.path,
                len(damaged),
                len(kept),
            )
            self._file.forget(damaged)

    def _write(self, texts: Sequence[str]) -> None:
        if self._file is None:
            return
        values = {}
        for text in texts:
            vector, truncated = self._memory[text]
            if np.isfinite(vector).all():
                values[text] = vector.astype(np.float32).tobytes() + bytes([truncated])
        self._file.write(values)


def _vector_of(value: bytes, dimension: int) -> tuple[np.ndarray, bool] | None:
    """Read a vector and its flag; None for anything that no encoder of this dimension has given."""
    if len(value) != 4 * dimension + 1 or value[-1] not in {0, 1}:
        return None
    vector = np.frombuffer(value[:-1], dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is damaged
        length = float(np.linalg.norm(vector))
    return (vector, bool(value[-1])) if length == 0 or abs(length - 1) < _UNIT else None
