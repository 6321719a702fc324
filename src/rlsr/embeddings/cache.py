"""References are encoded once: within a run in memory, across runs on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlsr.embeddings.protocol import Embedder, Encoding
from rlsr.runs.keyed_file import KeyedFile


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
        return Encoding(
            vectors=np.stack([vector for vector, _ in found]),
            truncated=np.array([truncated for _, truncated in found], dtype=np.bool_),
        )

    def _read(self, texts: Sequence[str]) -> None:
        if self._file is None or not texts:
            return
        for text, value in self._file.read(texts).items():
            self._memory[text] = (np.frombuffer(value[:-1], dtype=np.float32), bool(value[-1]))

    def _write(self, texts: Sequence[str]) -> None:
        if self._file is None:
            return
        values = {}
        for text in texts:
            vector, truncated = self._memory[text]
            values[text] = vector.astype(np.float32).tobytes() + bytes([truncated])
        self._file.write(values)
