"""What is known about texts, on disk, so that runs do not have to find it out again."""

import hashlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE_S = 60.0
"""So long another process may hold the file."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""What SQLite says of a file that is none of ours any more; its plain error is that of a missing table or column."""


class KeyedFile:
    """Values by text, found by the text's digest.

    The file is SQLite: safe when two runs write at once, and a crash loses nothing that was committed. It is a convenience, and
    no run ends for it: a damaged file is put aside and begun again, and one that cannot be used is done without, each with a
    notice.

    Args:
        directory: Holds one file an identity; is made.
        identity: Of what the values come from; another one has another file.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        self.path = directory / f"{digest_of(identity).hex()[:32]}.sqlite"
        self._is_used = True
        self._guarded(self._begin, None)

    def read(self, texts: Iterable[str]) -> dict[str, bytes]:
        """Look texts up.

        Args:
            texts: Any texts.

        Returns:
            The values of those that are known.
        """
        asked = list(texts)
        return self._guarded(lambda: self._read(asked), {})

    def write(self, values: Mapping[str, bytes]) -> None:
        """Keep values; what is known already stays as it is.

        Args:
            values: By text.
        """
        rows = [(digest_of(text), value) for text, value in values.items()]
        self._guarded(lambda: self._change("INSERT OR IGNORE INTO known VALUES (?, ?)", rows), None)

    def forget(self, texts: Iterable[str]) -> None:
        """Remove values that turned out to be none, so that others can take their place.

        Args:
            texts: Any texts.
        """
        rows = [(digest_of(text),) for text in texts]
        self._guarded(lambda: self._change("DELETE FROM known WHERE key = ?", rows), None)

    def _begin(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS known (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
            )

    def _read(self, texts: list[str]) -> dict[str, bytes]:
        found = {}
        with closing(self._connect()) as connection:
            for text in texts:
                row = connection.execute(
                    "SELECT value FROM known WHERE key = ?", (digest_of(text),)
                ).fetchone()
                if row is not None and isinstance(row[0], bytes):
                    found[text] = row[0]
        return found

    def _change(self, statement: str, rows: Sequence[tuple[bytes, ...]]) -> None:
        with closing(self._connect()) as connection, connection:
            connection.executemany(statement, rows)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=PATIENCE_S)

    def _guarded(self, action: Callable[[], Result], otherwise: Result) -> Result:
        """Do something with the file, in a new one where it is damaged, and without any where it cannot be used."""
        while self._is_used:
            try:
                return action()
            except (sqlite3.Error, OSError) as error:
                if not self._put_aside(error):
                    self._is_used = False
                    logger.warning(
                        "%s: cannot be used, and this session keeps nothing there: %s",
                        self.path,
                        error,
                    )
        return otherwise

    def _put_aside(self, error: Exception) -> bool:
        """Begin again where the file is damaged; what was there is kept under another name, once."""
        code = getattr(error, "sqlite_errorcode", None)
        aside = self.path.with_suffix(".damaged")
        if code is None or code & 0xFF not in _DAMAGED:
            return False
        try:
            os.replace(self.path, aside)  # noqa: PTH105 - Path.replace says the same and hides that it is atomic
            # A journal of the damaged file would be played back into the new one.
            for journal in self.path.parent.glob(f"{self.path.name}-*"):
                journal.unlink(missing_ok=True)
            self._begin()
        except (sqlite3.Error, OSError):
            return False
        logger.warning(
            "%s: damaged (%s); it is now %s, and made again", self.path, error, aside.name
        )
        return True


def digest_of(text: str) -> bytes:
    """Give 32 bytes that only this text has."""
    # Lone surrogates, which JSON can hold and UTF-8 cannot, must not break the key.
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()
