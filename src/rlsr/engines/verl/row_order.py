"""The order of rows that lets verl's workers take the mini-batches of a rollout with whole groups."""

from collections.abc import Callable, Sequence


def order_of_rows(
    prompts: Sequence[int],
    *,
    num_mini_batches: int,
    num_workers: int,
    divide: Callable[[Sequence[int]], Sequence[Sequence[int]]],
) -> list[int]:
    """Order the rows of a step.

    A worker gets as many rows as any other, one behind the other, and takes from them a mini-batch after the other, all of one size. So
    its first rows must be its share of the first mini-batch, and so on.

    Args:
        prompts: For each row the place of its prompt in the step, from 0. Every ``num_mini_batches``-th prompt is in the same
            mini-batch, as with the engine ``trl``.
        num_mini_batches: Of the step.
        num_workers: Among whom rows are divided.
        divide: Deals some rows out to the workers, to each as many.

    Returns:
        The rows in their new order.
    """
    shares = [
        divide([row for row, prompt in enumerate(prompts) if prompt % num_mini_batches == number])
        for number in range(num_mini_batches)
    ]
    return [row for worker in range(num_workers) for share in shares for row in share[worker]]
