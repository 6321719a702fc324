"""Scoring by code that nothing is known of: it is asked, what it says is checked, and what it fails on is unscored."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from threading import Thread
from typing import Any

from rlsr.errors import RewardError
from rlsr.rewards.failures import place_in_code, put_back
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores
from rlsr.rewards.scores import checked_scores

logger = logging.getLogger(__name__)


class PythonScorer(Reward):
    """Scores by code that nothing is known of: it is asked, and what it says is checked.

    All calls that are coroutines run in one event loop, so that their clients can be kept between them.

    Args:
        name: What the code is called in messages.
        ask: Returns for a batch one number or None a response, or a ``RewardResult``; or a coroutine that does.
        owner: The object behind it, whose ``parts`` and ``close`` are used where it has them; None is a function.
    """

    def __init__(
        self, name: str, ask: Callable[[RewardBatch], Any], owner: object | None = None
    ) -> None:
        self._name = name
        self._ask = ask
        self._owner = owner
        self._loop: _EventLoop | None = None
        self._components: tuple[str, ...] = ()
        self._has_failed = False

    @property
    def parts(self) -> Sequence[Part]:
        """Those that the object names, then the other components of its last result under their own names."""
        named: Sequence[Part] = getattr(self._owner, "parts", ())
        known = {part.name for part in named}
        return (*named, *(Part(name, name) for name in self._components if name not in known))

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Responses on which the code fails are unscored, and it is asked again about the others, all in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            What the code returned, None as NaN.

        Raises:
            RewardError: The code fails on every response, or on none of them alone and twice on all together; or it returns
                something else than one finite number or None a response.
        """
        try:
            found = self._call(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the user's
            return self._score_others(batch, error)
        return self._result(found, batch)

    def _result(self, found: Any, batch: RewardBatch) -> RewardResult:
        """Take what the code returned of a batch, if it is what a reward may return."""
        result = found if isinstance(found, RewardResult) else RewardResult(found)
        self._components = tuple(result.components)
        return replace(
            result,
            scores=self._checked(result.scores, batch),
            components={
                name: self._checked(values, batch, f"the component {name} of ")
                for name, values in result.components.items()
            },
            heldout={
                name: self._checked(values, batch, f"the metric {name} of ")
                for name, values in result.heldout.items()
            },
        )

    def close(self) -> None:
        """Close the object, where it can be closed, and stop the event loop, where there is one."""
        close = getattr(self._owner, "close", None)
        if callable(close):
            close()
        if self._loop is not None:
            self._loop.close()

    def _call(self, batch: RewardBatch) -> Any:
        found = self._ask(batch)
        if not inspect.isawaitable(found):
            return found
        if self._loop is None:
            self._loop = _EventLoop()
        return self._loop.wait_for(found)

    def _score_others(self, batch: RewardBatch, error: Exception) -> RewardResult:
        """Find out which responses the code fails on by themselves, and ask about all others together."""
        failures = {row: self._failure_on(batch.take([row])) for row in range(len(batch))}
        failed = [row for row, failure in failures.items() if failure is not None]
        others = [row for row, failure in failures.items() if failure is None]
        where = f"{len(batch)} responses together, each of which by itself does no harm"
        if failed:
            error = failures[failed[0]] or error
            where = f"the response to {batch.records[failed[0]].location}"
        if others:
            try:
                found = self._call(batch.take(others))
            except Exception as again:  # noqa: BLE001 - whatever it is, it is the user's
                where, error = where if failed else f"{where}, twice", again
            else:
                left = (
                    f"left {len(failed)} of {len(batch)} unscored"
                    if failed
                    else "scored them when it was asked again"
                )
                self._tell(error, f"{where}, and {left}")
                return put_back(self._result(found, batch.take(others)), others, len(batch))
        elif len(batch) > 1:
            where = f"{where} and all others"
        self._tell(error, where)
        raise RewardError(
            f"{self._name} failed on {where}: {type(error).__name__}: {error}, at {place_in_code(error)}; the traceback is in the log"
        ) from error

    def _tell(self, error: Exception, where: str) -> None:
        """Log the first failure, with its traceback; how many responses are unscored is counted in every step."""
        if not self._has_failed:
            logger.warning(
                "%s failed on %s: %s: %s", self._name, where, type(error).__name__, error, exc_info=error
            )  # fmt: skip
        self._has_failed = True

    def _failure_on(self, batch: RewardBatch) -> Exception | None:
        try:
            self._call(batch)
        except Exception as error:  # noqa: BLE001 - to fail is the answer here
            return error
        return None

    def _checked(self, found: Any, batch: RewardBatch, part: str = "") -> Scores:
        """Take one number a response, and refuse anything else."""
        places = [f"the response to {record.location}" for record in batch.records]
        try:
            return checked_scores(found, places)
        except ValueError as error:
            raise RewardError(f"{part}{self._name} {error}") from error


class _EventLoop:
    """Runs coroutines in a thread of its own: where a notebook calls, a loop is running already."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def wait_for(self, found: Awaitable[Any]) -> Any:
        async def result() -> Any:
            return await found

        return asyncio.run_coroutine_threadsafe(result(), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
