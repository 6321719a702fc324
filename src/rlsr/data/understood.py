"""What is understood of data while their rows are read, one at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data.checks import CountTokens, check_length
from rlsr.data.entries import heldout_entries, open_source
from rlsr.data.facts import RowFacts
from rlsr.data.layouts import ResolvedLayout
from rlsr.data.problems import handle_problems, warn_of_left_out
from rlsr.data.rows import Entry
from rlsr.data.split import choose_by_settings


@dataclass(frozen=True)
class UnderstoodRows:
    """All rows of ``data.path``, and behind them those of ``data.heldout_path``."""

    facts: RowFacts
    """Of each row."""
    layout: ResolvedLayout
    """Of ``data.path``."""
    num_rows: int
    """Rows of ``data.path``."""


def understand(
    config: DataConfig,
    count_tokens: CountTokens | None,
    max_prompt_tokens: int | None,
    keep: Callable[[Entry], None],
) -> UnderstoodRows:
    """Read the rows, and note what the checks of all rows together need.

    Args:
        config: What to read and how.
        count_tokens: Counts a prompt's tokens; needed for the budget.
        max_prompt_tokens: Longest prompt allowed; None allows any.
        keep: Told of each row in its turn.

    Raises:
        DataError: If a source cannot be used.
        MissingPackageError: If reading the source needs a package that is not installed.
    """
    rows, layout = open_source(config)
    facts = RowFacts(config)

    def read(entries: Iterable[Entry]) -> None:
        for entry in _within(entries, count_tokens, max_prompt_tokens):
            facts.add(entry)
            keep(entry)

    read(rows)
    num_rows = len(facts.fates)
    read(heldout_entries(config))
    return UnderstoodRows(facts, layout, num_rows)


def divide(config: DataConfig, rows: UnderstoodRows) -> tuple[np.ndarray, np.ndarray]:
    """Say which rows are trained on and which are held out.

    Args:
        config: How.
        rows: What they are, settled.

    Returns:
        The numbers of the rows, in file order.

    Raises:
        ConfigError: If settings clash.
        DataError: If rows are bad and not to be skipped, or too few are left.
    """
    facts = rows.facts
    handle_problems(config, facts.listed_problems(), facts.sizes(rows.num_rows))
    used = facts.used
    warn_of_left_out(config, facts.left_out(used))
    heldout = choose_by_settings(config, facts.marks_of(used), facts.keys_of(used).tobytes())
    is_heldout = np.isin(np.arange(len(used)), list(heldout))
    return used[~is_heldout], used[is_heldout]


def _within(
    entries: Iterable[Entry], count_tokens: CountTokens | None, budget: int | None
) -> Iterator[Entry]:
    for entry in entries:
        if budget is None:
            yield entry
        else:
            assert count_tokens is not None, "a budget needs a way to count"
            yield from check_length([entry], count_tokens=count_tokens, max_prompt_tokens=budget)
