"""One call for what many coroutines ask at about the same time."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from rlsr.engines.verl.batching import Batcher


def test_what_comes_together_is_answered_together_and_everybody_gets_his_own() -> None:
    calls: list[int] = []

    def double(questions: Sequence[int]) -> list[int]:
        calls.append(len(questions))
        return [2 * number for number in questions]

    async def ask_all() -> list[int]:
        batcher = Batcher(double, max_size=64, wait_s=0.01)
        return await asyncio.gather(*map(batcher.ask, range(100)))

    assert asyncio.run(ask_all()) == [2 * number for number in range(100)]
    assert calls == [64, 36]


def test_while_a_batch_is_answered_the_next_one_is_gathered() -> None:
    calls: list[list[str]] = []
    free = threading.Event()

    def answer(questions: Sequence[str]) -> Sequence[str]:
        calls.append(list(questions))
        if questions[0] == "slow":
            free.wait(5)
        return questions

    async def ask() -> None:
        batcher = Batcher(answer, max_size=8, wait_s=0.0)
        first = asyncio.create_task(batcher.ask("slow"))
        while not calls:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(batcher.ask(name)) for name in ("a", "b")]
        await asyncio.sleep(0.01)
        assert len(calls) == 1, "one call at a time"
        free.set()
        assert await asyncio.gather(first, *others) == ["slow", "a", "b"]
        assert await batcher.ask("later") == "later"

    asyncio.run(ask())
    assert calls == [["slow"], ["a", "b"], ["later"]]


def test_an_error_is_for_those_of_its_call_and_the_next_call_is_made() -> None:
    def answer(questions: Sequence[int]) -> Sequence[int]:
        if 0 in questions:
            raise ValueError("nothing divides by 0")
        return questions

    async def ask() -> None:
        batcher = Batcher(answer, max_size=2, wait_s=0.01)
        found = await asyncio.gather(*map(batcher.ask, (0, 1, 2, 3)), return_exceptions=True)
        assert [type(one) for one in found] == [ValueError, ValueError, int, int]

    asyncio.run(ask())


def test_who_has_gone_away_hurts_nobody_else() -> None:
    async def ask() -> None:
        batcher: Batcher[int, int] = Batcher(list, max_size=8, wait_s=0.02)  # fmt: skip
        gone, there = (asyncio.create_task(batcher.ask(number)) for number in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await there == 2
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(ask())
