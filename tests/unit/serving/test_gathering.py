"""Many small requests, few large calls, and nobody gets what somebody else has asked for."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.errors import RemoteError
from rlsr.serving import Gatherer, Limits, TooManyWaiting


class Work:
    """Doubles numbers, remembers its calls, fails on negative ones, and waits where it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.has_begun = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.calls.append(list(items))
        self.has_begun.set()
        assert self.may_go.wait(30)
        if -1 in items:
            raise ValueError("a negative number")
        if -2 in items:
            raise RemoteError("the server is away")
        return [2 * item for item in items]


@contextmanager
def gathering(work: Work, limits: Limits) -> Iterator[Gatherer[int, int]]:
    gatherer = Gatherer(work, limits)
    try:
        yield gatherer
    finally:
        work.may_go.set()
        gatherer.close()


@contextmanager
def held(work: Work, gatherer: Gatherer[int, int]) -> Iterator[Future[list[int]]]:
    """Keep the thread in a call, so that what is asked meanwhile waits."""
    work.may_go.clear()
    work.has_begun.clear()
    first = gatherer.submit([1000])
    assert work.has_begun.wait(30)
    yield first
    work.may_go.set()


@given(
    sizes=st.lists(st.integers(0, 9), max_size=30),
    max_rows=st.integers(1, 8),
    wait_ms=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=40)
def test_everybody_gets_their_own_and_no_call_is_larger_than_allowed(
    sizes: list[int], max_rows: int, wait_ms: float
) -> None:
    work = Work()
    asked = [list(range(100 * place, 100 * place + size)) for place, size in enumerate(sizes)]
    with (
        gathering(work, Limits(max_rows, wait_ms, 10_000)) as gatherer,
        ThreadPoolExecutor(4) as pool,
    ):
        found = list(pool.map(lambda items: gatherer.submit(items).result(30), asked))
    assert found == [[2 * item for item in items] for items in asked]
    assert all(1 <= len(call) <= max_rows for call in work.calls)
    assert sorted(item for call in work.calls for item in call) == sorted(
        item for items in asked for item in items
    )
    assert gatherer.num_waiting == 0


def test_requests_that_wait_share_calls() -> None:
    work = Work()
    with gathering(work, Limits(max_rows=8)) as gatherer:
        with held(work, gatherer):
            others = [gatherer.submit([number]) for number in range(12)]
        assert [one.result(30) for one in others] == [[2 * number] for number in range(12)]
    assert [len(call) for call in work.calls] == [1, 8, 4]


def test_a_call_waits_for_more_as_long_as_it_may() -> None:
    work = Work()
    with gathering(work, Limits(max_rows=2, wait_ms=10_000)) as gatherer:
        started = time.monotonic()
        asked = [gatherer.submit([1]), gatherer.submit([2])]
        assert [one.result(30) for one in asked] == [[2], [4]]
        assert time.monotonic() - started < 9, "full, so that it did not wait any longer"
    assert work.calls == [[1, 2]]


def test_a_large_request_does_not_hold_up_a_small_one() -> None:
    work = Work()
    with gathering(work, Limits(max_rows=10)) as gatherer:
        with held(work, gatherer):
            large = gatherer.submit(list(range(100)))
            small = gatherer.submit([7])
        assert small.result(30) == [14]
        assert large.result(30) == [2 * item for item in range(100)]
    with_small = next(place for place, call in enumerate(work.calls) if call[:1] == [7])
    assert with_small == 2, "behind one call of the large request, and not behind ten"


def test_a_bad_request_fails_alone() -> None:
    work = Work()
    with gathering(work, Limits()) as gatherer:
        with held(work, gatherer):
            good, bad, last = (gatherer.submit([number]) for number in (1, -1, 3))
        assert good.result(30) == [2]
        assert last.result(30) == [6]
        with pytest.raises(ValueError, match="negative"):
            bad.result(30)


def test_a_large_bad_request_is_given_up_at_its_first_failure() -> None:
    work = Work()
    with gathering(work, Limits(max_rows=2, wait_ms=0)) as gatherer:
        with pytest.raises(ValueError, match="negative"):
            gatherer.submit([1, -1, 3, 4, 5, 6]).result(30)
        assert gatherer.submit([7]).result(30) == [14]
        assert gatherer.num_waiting == 0
    assert work.calls == [[1, -1], [7]]


def test_where_a_server_of_others_is_away_it_is_asked_once_for_all() -> None:
    work = Work()
    with gathering(work, Limits()) as gatherer:
        with held(work, gatherer):
            asked = [gatherer.submit([number]) for number in (1, -2, 3)]
        for one in asked:
            with pytest.raises(RemoteError, match="away"):
                one.result(30)
    assert len(work.calls) == 2


def test_whoever_has_left_costs_nothing() -> None:
    work = Work()
    with gathering(work, Limits(max_rows=4)) as gatherer:
        with held(work, gatherer) as first:
            left = gatherer.submit([1, 2, 3])
            stays = gatherer.submit([4])
            assert left.cancel()
        assert stays.result(30) == [8]
        assert first.result(30) == [2000]
        assert gatherer.num_waiting == 0
    assert work.calls == [[1000], [4]]


def test_too_many_are_refused_and_told_when_to_come_again() -> None:
    work = Work()
    with gathering(work, Limits(max_rows=4, max_waiting=3)) as gatherer:
        with held(work, gatherer) as first:
            waiting = gatherer.submit([1, 2])
            with pytest.raises(TooManyWaiting) as refused:
                gatherer.submit([3, 4])
            assert 1 <= refused.value.retry_after_s <= 60
            fits = gatherer.submit([5])
        assert [one.result(30) for one in (first, waiting, fits)] == [[2000], [2, 4], [10]]
        assert len(gatherer.submit(range(9)).result(30)) == 9, "large, but nobody waits"


def test_closing_finishes_what_waits_or_drops_it() -> None:
    for finish in (True, False):
        work = Work()
        gatherer = Gatherer(work, Limits())
        with held(work, gatherer):
            waits = gatherer.submit([1])
            closing = threading.Thread(target=gatherer.close, kwargs={"finish": finish})
            closing.start()
            while not (waits.cancelled() or gatherer._is_closed):
                time.sleep(0.001)
        closing.join(30)
        if finish:
            assert waits.result(30) == [2]
        else:
            with pytest.raises(CancelledError):
                waits.result(30)
        with pytest.raises(RuntimeError, match="closed"):
            gatherer.submit([1])


def test_a_wrong_number_of_results_reaches_nobody() -> None:
    gatherer: Gatherer[int, int] = Gatherer(lambda items: [0], Limits(max_rows=2))
    with pytest.raises(AssertionError, match="one result an item"):
        gatherer.submit([1, 2]).result(30)
    gatherer.close()


def test_calls_are_told_of() -> None:
    seen: list[int] = []
    gatherer = Gatherer(Work(), Limits(), observe=lambda rows, seconds: seen.append(rows))
    gatherer.submit([1, 2, 3]).result(30)
    gatherer.close()
    assert seen == [3]
