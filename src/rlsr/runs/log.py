"""The log of a run, beside what the terminal shows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlsr.printable import PrintableFormatter


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Write everything that is logged within the block to a file too.

    Args:
        file: Appended to.

    Yields:
        Nothing.
    """
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
