"""In which order the prompts are trained on: a function of seed and step, so that a resumed run goes on exactly."""

from collections.abc import Iterator

import numpy as np
import torch


class PromptSampler(torch.utils.data.Sampler[int]):
    """Yields the prompts of every step, each repeated for its group.

    TRL's own sampler draws each epoch from a generator whose state a checkpoint does not hold, and drops the prompts
    that do not fill a last batch. This one is one stream of permutations: a step may take the last prompts of one
    epoch and the first of the next, so that no prompt is left out and every step is full.

    Args:
        num_prompts: Training prompts.
        prompts_per_step: Prompts of one rollout.
        num_generations: Responses of each.
        num_steps: Optimiser steps of the run.
        repeats: How often TRL asks for the batch of a step; it generates at the first and reuses the others.
        seed: Decides the order.
    """

    def __init__(
        self,
        num_prompts: int,
        *,
        prompts_per_step: int,
        num_generations: int,
        num_steps: int,
        repeats: int,
        seed: int,
    ) -> None:
        assert num_prompts > 0, "a set without training prompts is refused when it is read"
        self._num_prompts = num_prompts
        self._prompts_per_step = prompts_per_step
        self._num_generations = num_generations
        self._num_steps = num_steps
        self._repeats = repeats
        self._seed = seed

    def __len__(self) -> int:
        return self._num_steps * self._repeats * self._prompts_per_step * self._num_generations

    def __iter__(self) -> Iterator[int]:
        stream = self._permutations()
        for _ in range(self._num_steps):
            step = [next(stream) for _ in range(self._prompts_per_step)]
            for _ in range(self._repeats):
                for prompt in step:
                    yield from [prompt] * self._num_generations

    def _permutations(self) -> Iterator[int]:
        rng = np.random.default_rng(self._seed)
        while True:
            yield from rng.permutation(self._num_prompts).tolist()
