"""What many ask for in small pieces is done in few large calls, by one thread."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rlsr.errors import RemoteError

Item = TypeVar("Item")
Found = TypeVar("Found")

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 1, 60
_NEWEST_SHARE = 0.2
"""Weight of the last call in the mean of the seconds that an item takes."""


@dataclass(frozen=True)
class Limits:
    """How much is done at once, and how much may wait."""

    max_rows: int = 64
    """Most rows of a call; a request of more is done in several, with those of others between them."""
    wait_ms: float = 5.0
    """How long a call that is not full waits for further requests, from the first one on, in milliseconds."""
    max_waiting: int = 4096
    """Most rows that wait; a request that finds as many is refused."""


class TooManyWaiting(Exception):
    """Too much waits already.

    Args:
        retry_after_s: When asking again is worth it, in seconds.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"too many rows wait; ask again in {self.retry_after_s} s"


@dataclass(eq=False)
class _Request(Generic[Item, Found]):
    items: Sequence[Item]
    answer: "Future[list[Found]]" = field(default_factory=Future)
    found: list[Found] = field(default_factory=list)
    num_taken: int = 0

    @property
    def num_left(self) -> int:
        return len(self.items) - self.num_taken

    def take(self, most: int) -> Sequence[Item]:
        taken = self.items[self.num_taken : self.num_taken + most]
        self.num_taken += len(taken)
        return taken

    def finish(self, error: Exception | None = None) -> None:
        # Whoever asked may have left.
        if self.answer.done() or not self.answer.set_running_or_notify_cancel():
            return
        if error is None:
            self.answer.set_result(self.found)
        else:
            self.answer.set_exception(error)


_Taken = tuple[_Request[Item, Found], Sequence[Item]]
"""A request and those of its items that a call does."""


class Gatherer(Generic[Item, Found]):
    """Gathers requests, which come from any threads or event loops, into calls of one thread of its own.

    A call that fails is made again for each request alone, so that one bad request fails no other; where a server of others has failed,
    all fail at once.

    Args:
        work: Does many items in one call; gives one result an item, in their order.
        limits: How many, how long, and how many may wait.
        alone: Held during each call, where gatherers take turns.
        observe: Told the number of items and the seconds of each call.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Found]],
        limits: Limits,
        *,
        alone: AbstractContextManager[object] | None = None,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:
        self._work = work
        self._limits = limits
        self._alone = nullcontext() if alone is None else alone
        self._observe = observe
        self._requests: deque[_Request[Item, Found]] = deque()
        self._changed = threading.Condition()
        self._num_waiting = 0
        self._seconds_per_item = 0.0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="rlsr-gatherer", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """Items that no call has taken yet."""
        return self._num_waiting

    def submit(self, items: Sequence[Item]) -> "Future[list[Found]]":
        """Ask for some items.

        Args:
            items: Any number; they stay together only as far as ``max_rows`` allows.

        Returns:
            One result an item, in their order. Cancel it where nobody waits for it any more: what no call has taken is left out.

        Raises:
            TooManyWaiting: Others wait, and with these there would be more than ``max_waiting``.
        """
        request: _Request[Item, Found] = _Request(items)
        if not items:
            request.finish()
            return request.answer
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the gatherer is closed")
            if self._num_waiting and self._num_waiting + len(items) > self._limits.max_waiting:
                raise TooManyWaiting(self._seconds_until_done())
            is_first = not self._requests
            self._requests.append(request)
            self._num_waiting += len(items)
            # The thread waits for the first, and then for a full call; to wake it for each one between would cost more than to ask.
            if is_first or self._num_waiting >= self._limits.max_rows:
                self._changed.notify()
        return request.answer

    def close(self, *, finish: bool = True) -> None:
        """End the thread.

        Args:
            finish: Whether what waits is done first; otherwise it is cancelled.
        """
        with self._changed:
            self._is_closed = True
            if not finish:
                for request in self._requests:
                    request.answer.cancel()
            self._changed.notify()
        self._thread.join()

    def _seconds_until_done(self) -> int:
        seconds = math.ceil(self._num_waiting * self._seconds_per_item)
        return min(max(seconds, _SHORTEST_WAIT_S), _LONGEST_WAIT_S)

    def _run(self) -> None:
        while taken := self._take():
            self._do(taken)

    def _take(self) -> list[_Taken[Item, Found]]:
        """Wait for requests, and take from them what one call holds; nothing where all is done."""
        with self._changed:
            taken: list[_Taken[Item, Found]] = []
            while not taken and (self._requests or not self._is_closed):
                self._wait()
                taken = self._take_a_call()
            return taken

    def _wait(self) -> None:
        while not self._requests and not self._is_closed:
            self._changed.wait()
        until = time.monotonic() + self._limits.wait_ms / 1000
        while self._num_waiting < self._limits.max_rows and not self._is_closed:
            if not self._changed.wait(until - time.monotonic()):
                break

    def _take_a_call(self) -> list[_Taken[Item, Found]]:
        taken: list[_Taken[Item, Found]] = []
        room = self._limits.max_rows
        while self._requests and room:
            request = self._requests.popleft()
            items = () if request.answer.cancelled() else request.take(room)
            room -= len(items)
            self._num_waiting -= len(items) or request.num_left
            if items:
                taken.append((request, items))
        # Behind the others, so that a large request holds up nobody for longer than a call.
        self._requests.extend(request for request, _ in taken if request.num_left)
        return taken

    def _do(self, taken: list[_Taken[Item, Found]]) -> None:
        items = [item for _, some in taken for item in some]
        try:
            found = self._call(items)
        except Exception as error:  # noqa: BLE001 - belongs to who asked
            self._do_each(taken, error)
            return
        start = 0
        for request, some in taken:
            request.found.extend(found[start : start + len(some)])
            start += len(some)
            if not request.num_left:
                request.finish()

    def _do_each(self, taken: list[_Taken[Item, Found]], error: Exception) -> None:
        """Find out whose items a call has failed on."""
        if len(taken) > 1 and not isinstance(error, RemoteError):
            for one in taken:
                self._do([one])
            return
        for request, _ in taken:
            with self._changed:
                self._num_waiting -= request.num_left
                request.num_taken = len(request.items)
                if request in self._requests:
                    self._requests.remove(request)
            request.finish(error)

    def _call(self, items: Sequence[Item]) -> Sequence[Found]:
        with self._alone:
            started = time.perf_counter()
            found = self._work(items)
            seconds = time.perf_counter() - started
        assert len(found) == len(items), "one result an item"
        newest = seconds / len(items)
        before = self._seconds_per_item or newest
        self._seconds_per_item = (1 - _NEWEST_SHARE) * before + _NEWEST_SHARE * newest
        self._observe(len(items), seconds)
        return found
