"""How many runs of a comparison go at once on this machine, and what each has of it."""

import os
from collections.abc import Sequence

from rlsr.comparison.at_once import Seat

_GPUS = "CUDA_VISIBLE_DEVICES"
_THREADS = "OMP_NUM_THREADS"


def seats_here(jobs: int, devices: Sequence[str]) -> tuple[Seat, ...]:
    """Share this machine among runs.

    Args:
        jobs: How many run at once.
        devices: What the runs want, as their configs say.

    Returns:
        One for each run.
    """
    import torch

    gpus: list[str] = []
    if any(device in {"auto", "cuda"} for device in devices):
        gpus = visible_gpus(torch.cuda.device_count(), os.environ.get(_GPUS))
    return make_seats(jobs, gpus, None if _THREADS in os.environ else torch.get_num_threads())


def visible_gpus(count: int, visible: str | None) -> list[str]:
    """Name the GPUs as ``CUDA_VISIBLE_DEVICES`` does.

    Args:
        count: How many there are for this process.
        visible: The variable, where it is set.

    Returns:
        One name for each.
    """
    names = [name.strip() for name in (visible or "").split(",") if name.strip()]
    return (names or [str(index) for index in range(count)])[:count]


def make_seats(jobs: int, gpus: Sequence[str], threads: int | None) -> tuple[Seat, ...]:
    """Share GPUs and threads among runs.

    Args:
        jobs: How many run at once.
        gpus: Each run has one; where there are fewer than runs, several share one.
        threads: Of the processor, which the runs share; None where somebody has said already how many a process has.

    Returns:
        What the environment of each run has beside this one's.
    """
    shared = {} if threads is None or jobs == 1 else {_THREADS: str(max(1, threads // jobs))}
    if len(gpus) < 2:
        return (shared,) * jobs
    return tuple({**shared, _GPUS: gpus[place % len(gpus)]} for place in range(jobs))


def shared_time(seats: Sequence[Seat], by: str) -> tuple[str, ...]:
    """Warn where runs take one another's time and are compared by time.

    Args:
        seats: One for each run that goes at once.
        by: What their budget counts.
    """
    own = {seat[_GPUS] for seat in seats if _GPUS in seat}
    if by != "wall_clock" or len(seats) == 1 or len(own) == len(seats):
        return ()
    return (
        f"{len(seats)} runs at once compute on the same {'GPU' if own else 'machine'}: in the same time each takes fewer steps than alone, and "
        "the last ones, which have it to themselves, more; the steps stand beside the results",
    )


def in_words(seats: Sequence[Seat]) -> str:
    """Say how many runs go at once, on what.

    Args:
        seats: One for each of several.
    """
    gpus = dict.fromkeys(seat[_GPUS] for seat in seats if _GPUS in seat)
    if gpus:
        return f"{len(seats)} runs at once, on GPUs {', '.join(gpus)}"
    threads = seats[0].get(_THREADS)
    return f"{len(seats)} runs at once" + (f", {threads} threads for each" if threads else "")
