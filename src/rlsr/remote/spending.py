"""What was asked of servers so far, and what may still be: the account of a run stands in its directory and outlives its processes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from rlsr.config.remote import Budget
from rlsr.errors import RunError
from rlsr.runs.keyed_file import PATIENCE_S

FILE = "asked.sqlite"
"""The account in the directory of a run or of an audit."""


@dataclass(frozen=True)
class Spent:
    """What was asked."""

    calls: int = 0
    """Questions that went to a server."""
    tokens: int = 0
    """Tokens of these and of their answers, as the server has counted them."""
    cached: int = 0
    """Questions whose answer was kept from before."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.calls + other.calls, self.tokens + other.tokens, self.cached + other.cached
        )

    @property
    def in_words(self) -> str:
        """Say it to people."""
        return (
            f"{self.calls:,} calls with {self.tokens:,} tokens; {self.cached:,} answers were known"
        )

    def is_within(self, budget: Budget) -> bool:
        """Say whether there is something left of a budget."""
        calls, tokens = budget.calls, budget.tokens
        return (calls is None or self.calls < calls) and (tokens is None or self.tokens < tokens)


NOTHING_ASKED = Spent()


class Account:
    """Adds up what is asked, by the place in the config that names the server; threads and processes may share one.

    Args:
        file: Where it is kept; None keeps it in memory.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._memory: dict[str, Spent] = {}
        self._lock = Lock()

    def spent(self, place: str) -> Spent:
        """Read what was asked of one server.

        Args:
            place: Where the config names it.

        Raises:
            RunError: The file cannot be read.
        """
        return self._all().get(place, Spent())

    def total(self) -> Spent:
        """Add up what was asked of all servers.

        Raises:
            RunError: The file cannot be read.
        """
        return sum(self._all().values(), Spent())

    def add(self, place: str, what: Spent, within: Budget | None = None) -> bool:
        """Count something, unless a budget is used up.

        Args:
            place: Where the config names the server.
            what: What is about to be asked, or came of it.
            within: The budget; None counts in any case.

        Returns:
            Whether it was counted.

        Raises:
            RunError: The file cannot be written.
        """
        with self._lock:
            if self._file is not None:
                return self._add_to_file(self._file, place, what, within)
            so_far = self._memory.get(place, Spent())
            if within is not None and not so_far.is_within(within):
                return False
            self._memory[place] = so_far + what
            return True

    def _all(self) -> dict[str, Spent]:
        if self._file is None:
            with self._lock:
                return dict(self._memory)
        if not self._file.is_file():
            return {}
        with _opened(self._file) as connection:
            return {
                place: Spent(*numbers)
                for place, *numbers in connection.execute(
                    "SELECT place, calls, tokens, cached FROM spent"
                )
            }

    @staticmethod
    def _add_to_file(file: Path, place: str, what: Spent, within: Budget | None) -> bool:
        with _opened(file) as connection:
            # So that no other process asks for what this one has found to be left.
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(
                "SELECT calls, tokens, cached FROM spent WHERE place = ?", (place,)
            ).fetchone()
            so_far = Spent(*(row or ()))
            if within is not None and not so_far.is_within(within):
                connection.execute("ROLLBACK")
                return False
            now = so_far + what
            connection.execute(
                "INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?)",
                (place, now.calls, now.tokens, now.cached),
            )
            connection.execute("COMMIT")
            return True


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(file, timeout=PATIENCE_S, isolation_level=None)) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS spent "
                "(place TEXT PRIMARY KEY, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, cached INTEGER NOT NULL)"
            )
            yield connection
    except sqlite3.Error as error:
        # Without it nobody knows what is left of a budget.
        raise RunError(
            f"{file}: what was asked of servers so far cannot be read or written: {error}; mend the place, or remove the file, "
            "so that every budget begins anew"
        ) from error


_CURRENT: ContextVar[Account | None] = ContextVar("account", default=None)


@contextmanager
def spending_in(directory: Path | None) -> Iterator[Account]:
    """Let everything that is asked within the block count together.

    Args:
        directory: Of a run; what was counted there before is spent. None begins anew and keeps nothing.

    Yields:
        The account.
    """
    account = Account(None if directory is None else directory / FILE)
    token = _CURRENT.set(account)
    try:
        yield account
    finally:
        _CURRENT.reset(token)


def current_account() -> Account | None:
    """Give the account of the run that is going on; None outside of runs."""
    return _CURRENT.get()


def spent_so_far() -> Spent:
    """Say what the run that is going on has asked so far, of all servers; nothing outside of runs."""
    account = _CURRENT.get()
    return Spent() if account is None else account.total()
