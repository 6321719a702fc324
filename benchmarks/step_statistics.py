"""How much faster one side of the step benchmark is: means, and a bootstrap interval of the ratio."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from step_record import PHASES, Result, Step

Floats = NDArray[np.float64]

_NUM_RESAMPLES = 10_000
_SEED = 0


@dataclass(frozen=True)
class Ratio:
    """A ratio of times with its 95 % interval."""

    value: float
    """Below 1 the numerator is faster."""
    low: float | None
    """Lower end; None where a single step leaves nothing to resample."""
    high: float | None
    """Upper end."""

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Summary:
    """What one side needed in one setting."""

    num_steps: int
    """Measured steps, over all rounds."""
    seconds: float
    """Mean of a step."""
    seconds_per_1000_tokens: float
    """All seconds over all generated tokens, times 1,000."""
    phases: dict[str, float]
    """Mean seconds by phase."""
    phases_per_1000_tokens: dict[str, float]
    """The same for each 1,000 generated tokens."""
    prompt_tokens: float
    """Mean length of a prompt."""
    response_tokens: float
    """Mean length of a response."""
    response_tokens_by_step: list[float]
    """Mean length of the responses of each measured step."""
    longest_response: float
    """Mean over the steps of the longest response."""
    seconds_by_step: list[float]
    """Seconds of each measured step."""
    peak_gb: float
    """Most resident memory of any of its processes, in gigabytes (10^9 bytes)."""
    peak_gpu_gb: float | None
    """Most GPU memory that any of them allocated; None without a GPU."""


def measured_steps(results: Sequence[Result]) -> list[Step]:
    """List the steps that count.

    Args:
        results: The rounds of one side.

    Returns:
        Their steps without the warm-ups, in order.
    """
    return [step for result in results for step in result.measured]


def summarise(results: Sequence[Result]) -> Summary:
    """Average the rounds of one side.

    Args:
        results: At least one, with at least one measured step.

    Returns:
        The means.
    """
    steps = measured_steps(results)
    tokens = sum(step.num_tokens for step in steps)
    total = sum(step.seconds for step in steps)
    by_phase = {name: sum(step.phases[name] for step in steps) for name in PHASES}
    gpu = [result.peak_gpu_gb for result in results if result.peak_gpu_gb is not None]
    return Summary(
        num_steps=len(steps),
        seconds=total / len(steps),
        seconds_per_1000_tokens=1000 * total / tokens,
        phases={name: seconds / len(steps) for name, seconds in by_phase.items()},
        phases_per_1000_tokens={name: 1000 * part / tokens for name, part in by_phase.items()},
        prompt_tokens=_mean([step.prompt_tokens for step in steps]),
        response_tokens=_mean([step.response_tokens for step in steps]),
        response_tokens_by_step=[step.response_tokens for step in steps],
        longest_response=_mean([step.longest_response for step in steps]),
        seconds_by_step=[step.seconds for step in steps],
        peak_gb=max(result.peak_gb for result in results),
        peak_gpu_gb=max(gpu) if gpu else None,
    )


def ratios(ours: Sequence[Step], theirs: Sequence[Step]) -> dict[str, Ratio]:
    """Compare two sides that took the same prompts step by step.

    Args:
        ours: Measured steps.
        theirs: The other side's, in the same order.

    Returns:
        Our seconds over theirs: ``step`` for each step, ``1000_tokens`` for each generated token.
    """
    seconds = _seconds(ours), _seconds(theirs)
    tokens = _tokens(ours), _tokens(theirs)
    return {
        "step": ratio_of_means(*seconds),
        "1000_tokens": ratio_of_rates(*seconds, *tokens),
    }


def ratio_of_means(ours: Floats, theirs: Floats) -> Ratio:
    """Divide two means of paired numbers.

    Args:
        ours: Numerators.
        theirs: Denominators, of the same prompts.

    Returns:
        The ratio with the percentile interval over resampled pairs.
    """
    ones = np.ones_like(ours)
    return ratio_of_rates(ours, theirs, ones, ones)


def ratio_of_rates(
    ours: Floats, theirs: Floats, our_amounts: Floats, their_amounts: Floats
) -> Ratio:
    """Divide two rates, each a sum of times over a sum of amounts.

    Args:
        ours: Seconds of each step.
        theirs: The other side's, of the same prompts.
        our_amounts: What was done in each step.
        their_amounts: What the other side did.

    Returns:
        The ratio with the percentile interval over resampled pairs of steps. Steps of one process are resampled as if
        they were independent, so that what changes from process to process widens it only as far as it shows in steps.
    """
    count = len(ours)

    def rate(times: Floats, amounts: Floats, draw: NDArray[np.int64]) -> Floats:
        total: Floats = times[draw].sum(axis=-1) / amounts[draw].sum(axis=-1)
        return total

    every = np.arange(count)
    value = float(rate(ours, our_amounts, every) / rate(theirs, their_amounts, every))
    if count == 1:
        return Ratio(value, None, None)
    draw = np.random.default_rng(_SEED).integers(0, count, (_NUM_RESAMPLES, count))
    resampled = rate(ours, our_amounts, draw) / rate(theirs, their_amounts, draw)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Ratio(value, float(low), float(high))


def as_table(results: dict[str, list[Result]]) -> dict[str, Any]:
    """Summarise a setting for a JSON file.

    Args:
        results: Rounds by side; ``rlsr`` is among them.

    Returns:
        Summaries by side, and the ratios of ``rlsr`` to every other side.
    """
    ours = measured_steps(results["rlsr"])
    others = {side: rounds for side, rounds in results.items() if side != "rlsr"}
    return {
        "sides": {side: asdict(summarise(rounds)) for side, rounds in results.items()},
        "ratios": {
            side: {
                name: asdict(ratio) for name, ratio in ratios(ours, measured_steps(rounds)).items()
            }
            for side, rounds in others.items()
        },
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _seconds(steps: Sequence[Step]) -> Floats:
    return np.array([step.seconds for step in steps])


def _tokens(steps: Sequence[Step]) -> Floats:
    return np.array([step.num_tokens for step in steps])
