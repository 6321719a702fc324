"""Which rows are held out: those that say so themselves, or a seeded choice."""

from collections.abc import Hashable, Sequence

import numpy as np

from rlsr.data.checks import prompt_key
from rlsr.data.rows import MarkedRecord
from rlsr.errors import ConfigError, DataError


def choose_heldout(
    records: Sequence[MarkedRecord], *, heldout: float, max_heldout: int, seed: int
) -> frozenset[int]:
    """Choose the held-out rows.

    Rows marked as held out win: they are the choice, and nothing else is. Otherwise the choice
    falls on rows that are not marked ``train``, unless all are, and whose prompt has no near
    double. Where these are too few, it falls on whole prompts with all their near doubles, as many as
    the number has room for. So none is trained on and measured.

    Args:
        records: The rows.
        heldout: A share of the rows below 1, or a count.
        max_heldout: Upper bound on what a share comes to.
        seed: Seed of the choice; the same rows and seed give the same choice.

    Returns:
        Indices into ``records``.

    Raises:
        ConfigError: If ``heldout`` is neither a share nor a whole number.
        DataError: If too few rows are left to train on, or to choose from.
    """
    marked = frozenset(index for index, row in enumerate(records) if row.mark == "heldout")
    count = len(marked) or _count(len(records), heldout, max_heldout)
    if count and count >= len(records):
        raise DataError(
            f"data.heldout: {count} of {len(records)} usable rows would be held out, which leaves "
            "none to train on; add rows, or set data.heldout=0 or data.heldout_path"
        )
    if marked or count == 0:
        return marked
    candidates = _candidates(records, count)
    chosen: list[int] = []
    for place in np.random.default_rng(seed).permutation(len(candidates)).tolist():
        if len(chosen) + len(candidates[place]) <= count:
            chosen += candidates[place]
    if not chosen or count > sum(map(len, candidates)):
        raise DataError(
            f"data.heldout: {count} rows are to be held out, but only {len(chosen)} can be: the others are marked `train`, "
            "or share a prompt (case and spacing aside) with more rows than that, and such rows stay together; change "
            "data.heldout, or set data.heldout_path"
        )
    return frozenset(chosen)


def _count(num_rows: int, heldout: float, max_heldout: int) -> int:
    if 0 < heldout < 1:
        return min(max(1, round(heldout * num_rows)), max_heldout)
    if heldout != int(heldout):
        raise ConfigError(
            f"data.heldout: must be a share below 1 or a whole number of rows, got {heldout}"
        )
    return int(heldout)


def _candidates(records: Sequence[MarkedRecord], count: int) -> list[list[int]]:
    """List what can be held out, each with all rows of its prompt: single rows alone where they are enough."""
    prompts: dict[Hashable, list[int]] = {}
    for index, row in enumerate(records):
        prompts.setdefault(prompt_key(row.record), []).append(index)
    single = _unmarked([rows for rows in prompts.values() if len(rows) == 1], records)
    return single if len(single) >= count else _unmarked(list(prompts.values()), records)


def _unmarked(prompts: list[list[int]], records: Sequence[MarkedRecord]) -> list[list[int]]:
    unmarked = [rows for rows in prompts if all(records[index].mark is None for index in rows)]
    return unmarked or prompts
