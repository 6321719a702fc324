"""Intervals over many prompts take no more memory than those over few."""

import tracemalloc

import numpy as np

from rlsr.statistics import bootstrap_mean


def test_an_interval_over_many_values_takes_little_memory() -> None:
    values = np.random.default_rng(0).normal(size=3000)
    bootstrap_mean(values[:50], num_resamples=200)  # imports scipy
    tracemalloc.start()
    found = bootstrap_mean(values, num_resamples=200)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A copy of the values for each value would be 72 MB.
    assert peak < 40e6
    assert found.low < found.mean < found.high


def test_batches_change_no_interval() -> None:
    from scipy import stats

    values = np.random.default_rng(0).exponential(size=2500)
    whole = stats.bootstrap((values,), np.mean, n_resamples=900, method="BCa", rng=np.random.default_rng(0))  # fmt: skip
    found = bootstrap_mean(values, num_resamples=900)
    assert (found.low, found.high) == tuple(whole.confidence_interval)
