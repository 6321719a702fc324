"""Which rows are held out: those that say so themselves, or a seeded choice."""

import logging
from collections.abc import Sequence

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data.checks import prompt_key
from rlsr.data.entries import is_set
from rlsr.data.rows import Mark, MarkedRecord
from rlsr.errors import ConfigError, DataError

logger = logging.getLogger(__name__)


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
    return choose_places(
        [row.mark for row in records],
        b"".join(prompt_key(row.record) for row in records),
        heldout=heldout,
        max_heldout=max_heldout,
        seed=seed,
    )


def choose_by_settings(
    config: DataConfig, marks: Sequence[Mark | None], keys: bytes
) -> frozenset[int]:
    """Choose the held-out rows, and say where settings have no effect or cannot be met.

    Args:
        config: How many.
        marks: Of the usable rows.
        keys: Of each 16 bytes, which rows share that must stay together.

    Returns:
        Their places among the usable rows.
    """
    num_marked = sum(mark == "heldout" for mark in marks)
    if config.heldout_path and num_marked == 0:
        raise DataError(
            f"{config.heldout_path}: no usable row is left to hold out; put its rows right"
        )
    if num_marked and config.heldout != DataConfig.model_fields["heldout"].default:
        logger.warning(
            "data.heldout=%g has no effect: %d rows are marked as held out; data.use_marks=false ignores that",
            config.heldout,
            num_marked,
        )
    if is_set(config, "max_heldout") and (num_marked or not 0 < config.heldout < 1):
        held_out = (
            f"{num_marked} rows are marked as held out"
            if num_marked
            else "data.heldout is no share"
        )
        raise ConfigError(
            f"data.max_heldout: bounds the share data.heldout alone, got {config.max_heldout} where {held_out}; remove "
            "data.max_heldout, or choose by a share with data.use_marks=false and data.heldout below 1"
        )
    return choose_places(
        marks, keys, heldout=config.heldout, max_heldout=config.max_heldout, seed=config.seed
    )


def choose_places(
    marks: Sequence[Mark | None],
    keys: bytes,
    *,
    heldout: float,
    max_heldout: int,
    seed: int,
) -> frozenset[int]:
    """Choose as ``choose_heldout`` does, from what it looks at alone.

    Args:
        marks: What each row says of the split.
        keys: Of each row 16 bytes, which near doubles share.
        heldout: A share of the rows below 1, or a count.
        max_heldout: Upper bound on what a share comes to.
        seed: Seed of the choice.

    Returns:
        Places of the held-out rows.
    """
    num_rows = len(marks)
    marked = frozenset(index for index, mark in enumerate(marks) if mark == "heldout")
    count = len(marked) or _count(num_rows, heldout, max_heldout)
    if count and count >= num_rows:
        raise DataError(
            f"data.heldout: {count} of {num_rows} usable rows would be held out, which leaves "
            "none to train on; add rows, or set data.heldout=0 or data.heldout_path"
        )
    if marked or count == 0:
        return marked
    candidates = _candidates(marks, keys, count)
    chosen: list[int] = []
    for place in np.random.default_rng(seed).permutation(len(candidates)):
        if len(chosen) + candidates.sizes[place] <= count:
            chosen += candidates[place]
            if len(chosen) == count:
                break
    if not chosen or count > candidates.sizes.sum():
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


class _Prompts:
    """The rows of each prompt, in the order of its first row: two numbers a row, since a list a prompt would take a hundred bytes."""

    def __init__(self, group_of_row: np.ndarray, groups: np.ndarray) -> None:
        self._rows = np.argsort(group_of_row, kind="stable")
        ends = np.cumsum(np.bincount(group_of_row))
        self._ends, self._starts = ends[groups], np.concatenate([[0], ends[:-1]])[groups]
        self.sizes = self._ends - self._starts

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, place: int) -> list[int]:
        found: list[int] = self._rows[self._starts[place] : self._ends[place]].tolist()
        return found


def _candidates(marks: Sequence[Mark | None], keys: bytes, count: int) -> _Prompts:
    """List what can be held out, each with all rows of its prompt: single rows alone where they are enough."""
    _, first, inverse, sizes = np.unique(
        np.frombuffer(keys, dtype="S16"),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    group_of_row, sizes = rank[inverse], sizes[order]
    is_marked = np.fromiter((mark is not None for mark in marks), bool, len(marks))
    num_marked = np.bincount(group_of_row, weights=is_marked)
    every = np.arange(len(sizes))
    single = _unmarked(every[sizes == 1], num_marked)
    groups = single if len(single) >= count else _unmarked(every, num_marked)
    return _Prompts(group_of_row, groups)


def _unmarked(groups: np.ndarray, num_marked: np.ndarray) -> np.ndarray:
    unmarked = groups[num_marked[groups] == 0]
    return unmarked if len(unmarked) else groups
