"""The order of prompts as transformers asks for it."""

from collections.abc import Iterator

import torch

from rlsr.engines.prompt_order import prompts_of_steps


class PromptSampler(torch.utils.data.Sampler[int]):
    """Yields the prompts of every step, each repeated for its group.

    TRL's own sampler draws each epoch from a generator whose state a checkpoint does not hold, and drops the prompts
    that do not fill a last batch.

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
        self._num_prompts = num_prompts
        self._prompts_per_step = prompts_per_step
        self._num_generations = num_generations
        self._num_steps = num_steps
        self._repeats = repeats
        self._seed = seed

    def __len__(self) -> int:
        return self._num_steps * self._repeats * self._prompts_per_step * self._num_generations

    def __iter__(self) -> Iterator[int]:
        for step in prompts_of_steps(
            self._num_prompts,
            prompts_per_step=self._prompts_per_step,
            num_steps=self._num_steps,
            seed=self._seed,
        ):
            for prompt in step * self._repeats:
                yield from [prompt] * self._num_generations
