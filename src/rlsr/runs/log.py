"""The log of a run, beside what the terminal shows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlsr.secrets import redact


class _WithoutSecrets(logging.Formatter):
    """Writes records, and what libraries say in them and in tracebacks, without keys and passwords."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Write everything that is logged within the block to a file too.

    Args:
        file: Appended to.

    Yields:
        Nothing.
    """
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
