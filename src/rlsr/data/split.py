"""Which rows are held out: those that say so themselves, or a seeded choice."""

from collections import Counter
from collections.abc import Sequence

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
    double, so that none is trained on and measured.

    Args:
        records: The rows, without duplicates.
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
    candidates = _candidates(records)
    if count > len(candidates):
        raise DataError(
            f"data.heldout: {count} rows are to be held out, but only {len(candidates)} can be: "
            "the others are marked `train`, or differ from another prompt in case or spacing "
            "alone; lower data.heldout"
        )
    order = np.random.default_rng(seed).permutation(len(candidates))
    return frozenset(candidates[index] for index in order[:count].tolist())


def _count(num_rows: int, heldout: float, max_heldout: int) -> int:
    if 0 < heldout < 1:
        return min(max(1, round(heldout * num_rows)), max_heldout)
    if heldout != int(heldout):
        raise ConfigError(
            f"data.heldout: must be a share below 1 or a whole number of rows, got {heldout}"
        )
    return int(heldout)


def _candidates(records: Sequence[MarkedRecord]) -> list[int]:
    times = Counter(prompt_key(row.record) for row in records)
    single = [index for index, row in enumerate(records) if times[prompt_key(row.record)] == 1]
    unmarked = [index for index in single if records[index].mark is None]
    return unmarked or single
