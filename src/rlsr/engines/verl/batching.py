"""One call for many questions that come one by one at about the same time."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")


class Batcher(Generic[Question, Reply]):
    """Gathers what coroutines ask, and answers it together in a thread of its own, one batch after another.

    While a batch is answered the next one is gathered, so that the slower the answers, the larger the batches.

    Args:
        answer: Answers some questions, in their order.
        max_size: Questions of one call.
        wait_s: Seconds that a first question waits for others.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Sequence[Reply]],
        *,
        max_size: int,
        wait_s: float,
    ) -> None:
        self._answer = answer
        self._max_size = max_size
        self._wait_s = wait_s
        self._waiting: list[tuple[Question, asyncio.Future[Reply]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Reply:
        """Ask one question, and get its own answer.

        Args:
            question: Answered together with others.

        Raises:
            Exception: What ``answer`` raised; all questions of its call get it.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        await asyncio.sleep(self._wait_s)
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = (
                self._waiting[: self._max_size],
                self._waiting[self._max_size :],
            )
            questions = [question for question, _ in batch]
            try:
                replies = await loop.run_in_executor(self._thread, self._answer, questions)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), reply in zip(batch, replies, strict=True):
                # Who has gone away hears nothing.
                if not future.done():
                    future.set_result(reply)
