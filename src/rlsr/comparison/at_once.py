"""Cells run by processes of their own, as many at once as there are seats.

So the peak of memory that a run reports is its own, and a crash of one loses nothing of the others.
"""

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import TextIO, TypeVar

from rlsr.children import Children, environment_of_child
from rlsr.comparison.cells import Cell, Say
from rlsr.interruption import number_of

Item = TypeVar("Item")

Seat = Mapping[str, str]
"""What the environment of a process has beside this one's, such as the GPU that it has to itself."""

_SECONDS_BETWEEN_LOOKS = 1.0


class AtOnce:
    """Runs cells at the same time, each from a thread that waits for its process.

    Args:
        seats: One for each cell that runs at the same time.
    """

    def __init__(self, seats: Sequence[Seat] = ({},)) -> None:
        self._children = Children()
        self._num_seats = len(seats)
        self._free: SimpleQueue[Seat] = SimpleQueue()
        for seat in seats:
            self._free.put(seat)

    def for_each(self, items: Iterable[Item], work: Callable[[Item], None]) -> None:
        """Do some work for every item, as many at once as there are seats.

        Args:
            items: They are begun in this order.
            work: Runs in a thread.

        Raises:
            KeyboardInterrupt: The user has asked to end; the processes were told, and have finished their steps and saved,
                unless the user asked again.
            Exception: Work raised it; what was not begun is not done.
        """
        is_ending = threading.Event()

        def begin(item: Item) -> None:
            if is_ending.is_set():
                return
            try:
                work(item)
            except BaseException:
                is_ending.set()
                raise

        with ThreadPoolExecutor(self._num_seats) as pool:
            try:
                self._wait({pool.submit(begin, item) for item in items}, is_ending)
            except BaseException:
                # Before the pool waits for its threads: whoever asks a second time does not want to wait.
                self._children.kill()
                raise

    def _wait(self, waiting: set[Future[None]], is_ending: threading.Event) -> None:
        """Wait for all, and where one fails or the user asks to end, for those that run to save."""
        left = waiting
        try:
            while left:
                # By and by, since a wait without an end hears no Ctrl-C on Windows.
                done, left = wait(left, _SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException as error:
            is_ending.set()
            # A terminal has told them already, another sender has not.
            self._children.tell(
                number_of(error) if isinstance(error, KeyboardInterrupt) else signal.SIGINT
            )
            while wait(waiting, _SECONDS_BETWEEN_LOOKS).not_done:
                pass
            raise

    def run_cell(self, cell: Cell, say: Say) -> int:
        """Run a cell, or go on with it, and wait for a seat before.

        Args:
            cell: Its log keeps what is said.
            say: Told the same, line by line.

        Returns:
            The exit code of its process.
        """
        seat = self._free.get()
        try:
            cell.log_file.parent.mkdir(parents=True, exist_ok=True)
            with cell.log_file.open("a", encoding="utf-8") as log:
                command = [sys.executable, "-m", "rlsr.cli.main", *cell.command]
                return self.stream(command, log, say, seat)
        finally:
            self._free.put(seat)

    def stream(self, command: Sequence[str], log: TextIO, say: Say, seat: Seat) -> int:
        """Run a command, pass on what it says, line by line, and return its exit code."""
        log.write(f"# {datetime.now(tz=UTC).isoformat(timespec='seconds')} {shlex.join(command)}\n")
        environment = {**environment_of_child(), **seat, "PYTHONUNBUFFERED": "1"}
        with self._children.started(command, environment) as process:
            assert process.stdout is not None, "children have one"
            for line in process.stdout:
                log.write(line)
                log.flush()
                say(line.rstrip("\n"))
            return process.wait()
