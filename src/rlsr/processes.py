"""The processes that train one policy together, as a launcher such as torchrun starts them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from rlsr.errors import EngineError

Item = TypeVar("Item")

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: some do what only one has to, as scoring held-out answers by an endpoint."""


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; every method is called by all of them, in the same order."""

    index: int = 0
    """Its number, from 0."""
    count: int = 1
    """How many there are."""

    @property
    def is_main(self) -> bool:
        """Whether it is the one that writes files and speaks to the user."""
        return self.index == 0

    def sharing_memory(self, device: str) -> int:
        """Count the processes that the free memory of a device is for.

        Args:
            device: The run's.

        Returns:
            Those of this machine, where they compute on its processor; 1 where each has a device of its own.
        """
        if self.count == 1 or device == "cuda":
            return 1
        return int(os.environ.get("LOCAL_WORLD_SIZE", str(self.count)))

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Take every ``count``-th item; ``merge`` puts what became of them in order again.

        Args:
            items: The same in every process.

        Returns:
            The items of this process.
        """
        return items[self.index :: self.count]

    def merge(self, shared: Sequence[Item]) -> list[Item]:
        """Put together what was made of shares.

        Args:
            shared: One for each item of this process's share; what can be pickled.

        Returns:
            One for each item, in the order of the items, the same in every process.
        """
        if self.count == 1:
            return list(shared)
        shares = self.gather(list(shared))
        number = sum(map(len, shares))
        return [shares[place % self.count][place // self.count] for place in range(number)]

    def gather(self, own: Item) -> list[Item]:
        """Show every process what each of them has.

        Args:
            own: Of this process; what can be pickled.

        Returns:
            One a process, in their order.
        """
        if self.count == 1:
            return [own]
        import torch

        found: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(found, own)
        return found

    def from_main(self, value: Item) -> Item:
        """Replace a value by that of the main process.

        Args:
            value: Of this process; what can be pickled.

        Returns:
            That of the main process.
        """
        if self.count == 1:
            return value
        import torch

        found: list[Any] = [value]
        torch.distributed.broadcast_object_list(found, src=0)
        main: Item = found[0]
        return main

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.count > 1:
            import torch

            torch.distributed.barrier()


ALONE = Processes()
"""One process that trains by itself."""


def launched_processes() -> int:
    """Ask the launcher how many processes it started.

    Returns:
        At least 1; 1 without a launcher.
    """
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Say whether this process speaks to the user, before the processes have met.

    Returns:
        True for the first one, and without a launcher.
    """
    return int(os.environ.get("RANK", "0")) == 0


def is_first_of_machine() -> bool:
    """Say whether this process speaks for its machine: what is missing on one need not be missing on another.

    Returns:
        True for one process a machine, and without a launcher.
    """
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


def join_processes(device: str) -> Processes:
    """Meet the processes that were started together with this one.

    Args:
        device: The run's: ``cpu``, ``cuda`` or ``mps``. With CUDA each process takes a device of its own.

    Returns:
        This process among them.

    Raises:
        EngineError: The launcher did not tell how they find one another.
    """
    launched = launched_processes()
    if launched == 1:
        return ALONE
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
    if state.num_processes != launched:
        raise EngineError(
            f"the launcher started {launched} processes but {state.num_processes} of them met: each would train a policy of "
            "its own; start them with `rlsr train --processes N` or torchrun"
        )
    return Processes(state.process_index, state.num_processes)


def require_one_process(command: str) -> None:
    """Refuse a launcher where every process would do the same.

    Args:
        command: What was asked for, as in ``rlsr audit``.

    Raises:
        EngineError: There is more than one process.
    """
    launched = launched_processes()
    if launched > 1:
        raise EngineError(
            f"{command}: runs in one process, but the launcher started {launched}; start it without a launcher"
        )
