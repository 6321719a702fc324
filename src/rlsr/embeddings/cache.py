"""References are encoded once: within a run in memory, across runs on disk."""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from rlsr.embeddings.protocol import Embedder, Encoding


class ReferenceCache:
    """Vectors of texts that come back again and again, kept under a key of text and encoder.

    The file is SQLite: safe when two runs write at once, and a crash loses nothing that was committed.

    Args:
        embedder: Encodes what is not known yet.
        directory: Holds one file an encoder identity; None keeps everything in memory.
    """

    def __init__(self, embedder: Embedder, directory: Path | None) -> None:
        self._embedder = embedder
        self._memory: dict[str, tuple[np.ndarray, bool]] = {}
        self.num_encoded = 0
        self._file: Path | None = None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = directory / f"{_digest(embedder.identity).hex()[:32]}.sqlite"
            self._make_table()

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

    def _connect(self) -> sqlite3.Connection:
        assert self._file is not None, "only called with a file"
        return sqlite3.connect(self._file, timeout=60)

    def _make_table(self) -> None:
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, truncated INTEGER NOT NULL)"
            )

    def _read(self, texts: Sequence[str]) -> None:
        if self._file is None or not texts:
            return
        with closing(self._connect()) as connection:
            for text in texts:
                row = connection.execute(
                    "SELECT vector, truncated FROM vectors WHERE key = ?", (_digest(text),)
                ).fetchone()
                if row is not None:
                    self._memory[text] = (np.frombuffer(row[0], dtype=np.float32), bool(row[1]))

    def _write(self, texts: Sequence[str]) -> None:
        if self._file is None:
            return
        rows = [
            (
                _digest(text),
                self._memory[text][0].astype(np.float32).tobytes(),
                int(self._memory[text][1]),
            )
            for text in texts
        ]
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)


def _digest(text: str) -> bytes:
    # Lone surrogates, which JSON can hold and UTF-8 cannot, must not break the key.
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()
