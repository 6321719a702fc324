"""Grouping texts of like length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence


def batches_by_token_budget(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Split rows into batches whose padded size stays within a budget, longest rows first.

    Longest first, so that a batch too large for the memory fails at once and not after an hour.

    Args:
        lengths: Tokens of each row.
        tokens_per_batch: Upper bound on rows times longest row; a single longer row is a batch of its own.

    Yields:
        Indices into ``lengths``; together every index exactly once.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > tokens_per_batch:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
