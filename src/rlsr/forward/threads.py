"""How many CPU threads decoding gets: measured, since more are often slower.

A token of a rollout is hundreds of products of microseconds each. Where threads sleep between them
(OMP_WAIT_POLICY=PASSIVE), or share their cores with other work, waking them costs more than they save.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch
from torch.nn.functional import linear

ROUNDS = 5
"""Times that each number of threads is tried, taking turns."""

WORTH_IT = 1.15
"""Fewer threads may take this much longer: they lose less when other work wants the cores later."""


_given: ContextVar[int | None] = ContextVar("decoding threads", default=None)


@contextmanager
def decoding_on(threads: int) -> Iterator[None]:
    """Decode on so many threads meanwhile, whatever is the fastest: another number rounds otherwise, and greedy answers differ.

    Args:
        threads: At least 1; of more than there are, those that there are.

    Yields:
        Nothing.
    """
    before = _given.set(threads)
    try:
        yield
    finally:
        _given.reset(before)


@contextmanager
def decoding_threads(model: torch.nn.Module) -> Iterator[None]:
    """Use the fastest number of threads, or that of ``decoding_on``, for passes with one token a row; has no effect away from a CPU.

    Args:
        model: The policy; decides the type that is measured.

    Yields:
        Nothing.
    """
    before = torch.get_num_threads()
    weight = next(model.parameters())
    if weight.device.type != "cpu" or before == 1:
        yield
        return
    given = _given.get()
    torch.set_num_threads(
        fastest_threads(before, weight.dtype) if given is None else min(given, before)
    )
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def fastest_threads(most: int, dtype: torch.dtype) -> int:
    """Measure, once in a process.

    Args:
        most: Threads that there are.
        dtype: Type of the weights.

    Returns:
        The smallest of 1, 2, 4 ... and ``most`` that is nearly as fast as the fastest.
    """
    before = torch.get_num_threads()
    candidates = sorted({*(2**power for power in range(most.bit_length())), most})
    rows = torch.randn(32, 512).to(dtype)
    weights = [torch.randn(512, 512).to(dtype) for _ in range(100)]
    seconds: dict[int, list[float]] = {number: [] for number in candidates}
    try:
        for _ in range(ROUNDS):
            for number in candidates:
                torch.set_num_threads(number)
                started = time.perf_counter()
                for weight in weights:
                    linear(rows, weight)
                seconds[number].append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(before)
    # The median: a thread pool is slow when it is first used, and other work comes and goes.
    medians = {number: sorted(times)[ROUNDS // 2] for number, times in seconds.items()}
    return next(
        number for number in candidates if medians[number] <= WORTH_IT * min(medians.values())
    )
