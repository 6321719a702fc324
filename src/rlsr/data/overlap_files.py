"""The prompts of suites' files, looked for in training data, and training rows that hold one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data.overlap import Passages, learnt
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Problem, show_names
from rlsr.data.sources import read_rows
from rlsr.errors import DataError

PROMPT_COLUMNS: Final = (
    "prompt",
    "question",
    "instruction",
    "input",
    "problem",
    "query",
    "turns",
    "messages",
    "conversations",
)
"""Where the files of suites have what they ask: texts, or lists of turns."""


def read_prompts(path: str) -> list[tuple[str, list[str]]]:
    """Read what a suite's file asks, whatever its layout.

    Args:
        path: A file, or the id of a dataset on the hub.

    Returns:
        The place and the texts of each row.

    Raises:
        DataError: It cannot be read, or a row has no column that is known to hold a prompt.
    """
    found = []
    for row in read_rows(path):
        if isinstance(row, Problem):
            raise DataError(row.line)
        texts = list(_texts(row.value))
        if not texts:
            columns = show_names(row.value) if isinstance(row.value, Mapping) else "no object"
            raise DataError(
                f"{row.location}: a row of a suite's file has its prompt in one of {', '.join(PROMPT_COLUMNS)}, got {columns}; "
                "rename the column in a copy of the file"
            )
        found.append((row.location, texts))
    return found


def _texts(row: object) -> Iterator[str]:
    if isinstance(row, Mapping):
        for name in PROMPT_COLUMNS:
            yield from _asked(row.get(name))


def _asked(value: Any) -> Iterator[str]:
    """List the texts of a column; of turns those that ask."""
    if isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, list):
        for turn in value:
            yield from _asked(turn)
    elif isinstance(value, Mapping):
        role = value.get("role", value.get("from"))
        if role not in {"system", "assistant", "gpt"}:
            yield from _asked(value.get("content", value.get("value")))


def without_overlap(config: DataConfig, train: Sequence[PromptRecord]) -> np.ndarray:
    """Find the training rows that hold no prompt of the files of ``data.remove_overlap``.

    Args:
        config: The files, and how many words count.
        train: The training rows.

    Returns:
        Of each whether it stays.

    Raises:
        DataError: A file cannot be read, or no row is left.
    """
    stays = np.ones(len(train), dtype=bool)
    if not config.remove_overlap:
        return stays
    prompts = [texts for path in config.remove_overlap for _, texts in read_prompts(path)]
    passages = Passages(prompts, config.overlap_words)
    for place, record in enumerate(train):
        stays[place] = not passages.found_in(learnt(record))
    if not stays.any():
        raise DataError(
            f"{config.path}: all {len(train)} training rows share {config.overlap_words} words in a row with "
            f"{show_names(config.remove_overlap)} (data.remove_overlap), so that none is left; name other files, or raise "
            "data.overlap_words"
        )
    return stays
