"""Which prompts each step takes: a function of seed and step, so that a resumed run goes on exactly."""

from collections.abc import Iterator

import numpy as np

from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError


def prompts_of_steps(
    num_prompts: int, *, prompts_per_step: int, num_steps: int, seed: int
) -> Iterator[list[int]]:
    """List the prompts of every step.

    They are one stream of permutations: a step may take the last prompts of one epoch and the first of the next, so that no
    prompt is left out and every step is full.

    Args:
        num_prompts: Training prompts.
        prompts_per_step: Prompts of one step.
        num_steps: Optimiser steps of the run.
        seed: Decides the order.

    Yields:
        Places of prompts, from 0.
    """
    assert num_prompts > 0, "a set without training prompts is refused when it is read"
    stream = _permutations(num_prompts, seed)
    for _ in range(num_steps):
        yield [next(stream) for _ in range(prompts_per_step)]


def _permutations(num_prompts: int, seed: int) -> Iterator[int]:
    rng = np.random.default_rng(seed)
    while True:
        # Place by place, since a list would take five times the room.
        yield from map(int, rng.permutation(num_prompts))


def prompts_per_process(config: RunConfig, num_processes: int) -> int:
    """Divide the prompts of a step among the processes that train together.

    Args:
        config: The resolved config.
        num_processes: How many there are.

    Returns:
        Prompts of each; a group stays in one process.

    Raises:
        ConfigError: They cannot be divided.
    """
    number = config.training.prompts_per_step
    if number % num_processes:
        raise ConfigError(
            f"training.prompts_per_step: must be a multiple of the {num_processes} processes that train together, got {number}; "
            f"take {max(number // num_processes, 1) * num_processes}"
        )
    of_update = number // config.method.num_mini_batches(number)
    if of_update % num_processes:
        raise ConfigError(
            f"method.prompts_per_update: must be a multiple of the {num_processes} processes that train together, got {of_update}; take "
            f"another, or null to learn from the whole rollout at once"
        )
    return number // num_processes
