"""All readers of what others have written, by name."""

from collections.abc import Callable, Mapping
from functools import cache

from answer_readers import ANSWER_READERS
from reader import Reader
from row_readers import ROW_READERS
from run_readers import RUN_READERS
from setting_readers import FORMULA_READERS, SETTING_READERS

READERS: Mapping[str, Callable[[], Reader]] = {
    **ROW_READERS,
    **SETTING_READERS,
    **FORMULA_READERS,
    **RUN_READERS,
    **ANSWER_READERS,
}


@cache
def reader(name: str) -> Reader:
    """Make a reader with the files that are right for it, once."""
    return READERS[name]()
