"""The repetition rule at growing lengths, against difflib's longest common substring, on text of the built-in set.

python benchmarks/repetition_speed.py
"""

import sys
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import partial

from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.rewards.repetition import repeats_longer_than, shares_longer_than

THRESHOLD = 100
LENGTHS = (1_000, 4_000, 16_000)
ROUNDS = 5


def longest_common_by_difflib(first: str, second: str) -> int:
    """Find the length of the longest common substring.

    Args:
        first: Any text.
        second: Any text.

    Returns:
        Its length in characters.
    """
    # `autojunk` would leave out frequent characters, which in a long text are all of them.
    return SequenceMatcher(None, first, second, autojunk=False).find_longest_match().size


def fastest(function: Callable[[], object], rounds: int) -> float:
    """Time a function.

    Args:
        function: What to time.
        rounds: How often.

    Returns:
        Seconds of its fastest call.
    """
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Print a Markdown table."""
    dataset = load_dataset(DataConfig(path="builtin:instructions"))
    references = [record.reference for record in (*dataset.train, *dataset.heldout)]
    first, second = "\n".join(references[::2]), "\n".join(references[1::2])
    rows = [
        "| characters | repeats (ms) | shares (ms) | difflib (ms) | difflib / shares |",
        "|---|---|---|---|---|",
    ]
    for length in LENGTHS:
        one, other = first[:length], second[:length]
        assert len(one) == len(other) == length, "the built-in set is long enough"
        shared = shares_longer_than(one, other, THRESHOLD)
        assert shared == (longest_common_by_difflib(one, other) > THRESHOLD)
        repeats = fastest(partial(repeats_longer_than, one, THRESHOLD), ROUNDS)
        shares = fastest(partial(shares_longer_than, one, other, THRESHOLD), ROUNDS)
        slow = fastest(partial(longest_common_by_difflib, one, other), 2)
        milliseconds = f"{repeats * 1e3:.2f} | {shares * 1e3:.2f} | {slow * 1e3:.0f}"
        rows.append(f"| {length:,} | {milliseconds} | {slow / shares:.0f} |")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
