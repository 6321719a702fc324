"""How long a step takes that is written, rewarded and learnt from, by how many work on each: numbers in, numbers out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A part of a step, done by workers that share its responses evenly."""

    each_s: float
    """Seconds of one worker for one response among many."""
    workers: int = 1
    alone_s: float = 0.0
    """A worker with any share is never done sooner: a response is written token by token, weights are fetched for a pass of any size."""
    step_s: float = 0.0
    """Of every worker once a step, whatever its share: what all of them load, tell each other, or step."""

    def seconds(self, responses: int) -> float:
        """Compute when the last worker is done.

        Args:
            responses: Of the step.

        Returns:
            Seconds of a clock; 0 without responses.
        """
        if responses == 0:
            return 0.0
        share = math.ceil(responses / self.workers)
        return self.step_s + max(self.alone_s, share * self.each_s)

    def worker_seconds(self, responses: int) -> float:
        """Add up what all workers compute: what the step takes where they share one processor.

        Args:
            responses: Of the step.

        Returns:
            Seconds; each worker's own, so at most ``workers`` times ``seconds``.
        """
        share, more = divmod(responses, self.workers)
        shares = [share + 1] * more + ([share] * (self.workers - more) if share else [])
        computing = sum(max(self.alone_s, one * self.each_s) for one in shares)
        return computing + (self.workers * self.step_s if responses else 0.0)


def streamed_seconds(writing_s: float, rewarding_s: float, parts: int) -> float:
    """Compute how long writing and rewarding take where a part is rewarded while the next ones are written.

    Args:
        writing_s: Of all responses.
        rewarding_s: Of all responses, by others than those who write.
        parts: Of equal size, which come and are scored one after another; 1 is first all of one and then all of the other.

    Returns:
        Seconds until the last part is scored: the flow shop of two machines with equal jobs.

    Source:
        Johnson, Naval Research Logistics Quarterly 1 (1954), 61-68.
    """
    return (writing_s + rewarding_s + (parts - 1) * max(writing_s, rewarding_s)) / parts


def step_seconds(stages: Sequence[float], behind: int = 0) -> float:
    """Compute how far apart steps end, in the long run.

    Args:
        stages: Seconds of each part of a step, in order; of places of their own, so that different steps may be in them at once.
        behind: How many steps the policy that writes may be behind the one that learns; 0 is on-policy, and parts add up.

    Returns:
        Seconds a step: no part can be done more often than it takes, and no more than ``behind + 1`` steps are under way.

    Source:
        The largest mean of a cycle of the timed event graph: Baccelli, Cohen, Olsder and Quadrat, Synchronization and Linearity
        (1992), section 2.5.
    """
    return max(*stages, sum(stages) / (behind + 1))


def gather_seconds(size: float, workers: int, bytes_per_second: float) -> float:
    """Compute how long workers take to fetch what each of them holds an equal part of.

    Args:
        size: Bytes of the whole.
        workers: That hold it.
        bytes_per_second: That each of them receives.

    Returns:
        Seconds; 0 for one worker, and never more than fetching all of it.
    """
    return (workers - 1) / workers * size / bytes_per_second
