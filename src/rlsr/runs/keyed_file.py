"""What is known about texts, on disk, so that runs do not have to find it out again."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path


class KeyedFile:
    """Values by text, found by the text's digest.

    The file is SQLite: safe when two runs write at once, and a crash loses nothing that was committed.

    Args:
        directory: Holds one file an identity; is made.
        identity: Of what the values come from; another one has another file.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / f"{_digest(identity).hex()[:32]}.sqlite"
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS known (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
            )

    def read(self, texts: Iterable[str]) -> dict[str, bytes]:
        """Look texts up.

        Args:
            texts: Any texts.

        Returns:
            The values of those that are known.
        """
        found = {}
        with closing(self._connect()) as connection:
            for text in texts:
                row = connection.execute(
                    "SELECT value FROM known WHERE key = ?", (_digest(text),)
                ).fetchone()
                if row is not None:
                    found[text] = row[0]
        return found

    def write(self, values: Mapping[str, bytes]) -> None:
        """Keep values; what is known already stays as it is.

        Args:
            values: By text.
        """
        rows = [(_digest(text), value) for text, value in values.items()]
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO known VALUES (?, ?)", rows)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=60)


def _digest(text: str) -> bytes:
    # Lone surrogates, which JSON can hold and UTF-8 cannot, must not break the key.
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()
