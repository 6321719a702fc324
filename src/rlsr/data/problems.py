"""Bad rows: whether a set is used all the same, and what is said of it."""

import logging
from collections.abc import Mapping, Sequence

from rlsr.config.data import DataConfig
from rlsr.data.rows import Problem, count_kinds, show
from rlsr.errors import DataError

logger = logging.getLogger(__name__)
_NUM_SHOWN_PROBLEMS = 20

Sources = tuple[tuple[int, int], tuple[int, int]]
"""Rows and bad rows, of ``data.path`` and of ``data.heldout_path``."""


def warn_of_left_out(config: DataConfig, counts: Mapping[str, int]) -> None:
    """Name further columns that rewards will not see, and in how many rows."""
    if counts:
        logger.warning(
            "%s: further columns are left out where JSON cannot hold their values: %s; store them as text to use them",
            config.path,
            ", ".join(f"{show(column)} in {count} rows" for column, count in counts.items()),
        )


def handle_problems(config: DataConfig, problems: Sequence[Problem], sizes: Sources) -> None:
    """Stop at bad rows, or say that they are skipped.

    Args:
        config: What is done with them.
        problems: All of them, in file order.
        sizes: Of each source, its rows and how many of them are bad.

    Raises:
        DataError: They are not to be skipped, or no row is left.
    """
    if not problems:
        return
    num_rows = sum(rows for rows, _ in sizes)
    summary = f"{len(problems)} of {num_rows} rows cannot be used: {count_kinds(problems)}"
    if len(problems) < num_rows and _may_skip(config, sizes):
        logger.warning(
            "%s: %s; they are skipped (data.on_bad_row), the first is %s",
            config.path,
            summary,
            problems[0].location,
        )
        return
    shown = [f"  {problem.line}" for problem in problems[:_NUM_SHOWN_PROBLEMS]]
    if len(problems) > len(shown):
        shown.append(f"  ... and {len(problems) - len(shown)} more")
    way_out = "put them right, or leave them out with data.on_bad_row=skip"
    if len(problems) == num_rows:
        summary = f"no usable row is left: {summary}"
        way_out = "put them right, or set data.path or data.layout to what is meant"
    elif config.on_bad_row == "skip_few":
        way_out = f"{way_out} (up to {100 * config.max_bad_share:g} % are left out without it, data.max_bad_share)"
    message = "\n".join([f"{config.path}: {summary}", *shown, f"To go on, {way_out}"])
    raise DataError(message, [problem.line for problem in problems])


def _may_skip(config: DataConfig, sizes: Sources) -> bool:
    if config.on_bad_row == "skip_few":
        return all(bad <= config.max_bad_share * rows for rows, bad in sizes)
    return config.on_bad_row == "skip"
