"""Batches of like length within a token budget, on small examples."""

import pytest

from rlsr.embeddings.batching import batches_by_token_budget


@pytest.mark.parametrize(
    ("lengths", "budget", "batches"),
    [
        ([], 10, []),
        ([3], 10, [[0]]),
        ([11], 10, [[0]]),
        ([11, 12], 10, [[1], [0]]),
        ([5, 5, 5], 10, [[0, 1], [2]]),
        ([5, 5, 5], 9, [[0], [1], [2]]),
        ([5, 5, 5], 15, [[0, 1, 2]]),
        ([1, 10, 1, 4, 5, 1], 10, [[1], [4, 3], [0, 2, 5]]),
        ([0, 0, 0], 1, [[0, 1, 2]]),
    ],
)
def test_small_examples(lengths: list[int], budget: int, batches: list[list[int]]) -> None:
    assert list(batches_by_token_budget(lengths, budget)) == batches
