"""A large set is measured by a sample and by whatever may be its longest text."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.pipeline import token_lengths
from rlsr.pipeline.token_lengths import lengths_of, measure_lengths


class Counter:
    """Counts words, and remembers how many texts it was asked about."""

    def __init__(self) -> None:
        self.num_asked = 0

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.num_asked += len(texts)
        return [len(text.split()) for text in texts]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_every_text_of_a_small_set_is_counted(counts: list[int]) -> None:
    texts = ["ab " * count for count in counts]
    found = measure_lengths(texts, sizes=list(map(len, texts)), count=Counter())
    assert found == lengths_of(counts)
    assert found.median == np.median(counts)
    assert found.p95 == pytest.approx(np.quantile(counts, 0.95))
    assert found.maximum == max(counts)


def test_a_large_set_is_measured_by_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_lengths, "MOST_COUNTED", 2_000)
    monkeypatch.setattr(token_lengths, "SAMPLE_SIZE", 1_000)
    counts = np.random.default_rng(1).lognormal(4, 0.6, 30_000).astype(int) + 1
    texts = ["word " * count for count in counts]
    counter = Counter()
    sizes = np.array(list(map(len, texts)))
    found = measure_lengths(texts, sizes=sizes, count=counter)
    assert found.maximum == counts.max()
    assert found.median == pytest.approx(np.median(counts), rel=0.1)
    assert found.p95 == pytest.approx(np.quantile(counts, 0.95), rel=0.15)
    assert counter.num_asked <= 3_000
    again = measure_lengths(texts, sizes=sizes, count=counter)
    assert found == again, "the sample is always the same"


def test_a_long_text_of_dense_writing_is_found_below_larger_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_lengths, "MOST_COUNTED", 100)
    monkeypatch.setattr(token_lengths, "SAMPLE_SIZE", 50)
    large = ["sesquipedalian " * 20] * 3_000
    dense = ["a " * 60] * 300
    texts = [*large, *dense]
    found = measure_lengths(texts, sizes=list(map(len, texts)), count=Counter())
    assert found.maximum == 60
