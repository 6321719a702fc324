"""The log of a run, beside what the terminal shows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rlsr.printable import PrintableFormatter
from rlsr.runs.refused_writes import writing_to


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Write everything that is logged within the block to a file too.

    Args:
        file: Appended to.

    Yields:
        Nothing.

    Raises:
        RunError: The file cannot be made.
    """
    with writing_to(file):
        handler = _LogFile(file, encoding="utf-8")
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        # What a full disk has refused is tried once more here.
        with suppress(OSError):
            handler.close()


class _LogFile(logging.FileHandler):
    """A log that no run ends for, and that has nothing to say of itself."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave a line out that cannot be written: the terminal has it, and the run's own files say what is wrong.

        Args:
            record: What was logged.
        """
