"""What a run directory has that a tracker was not told yet, read again whenever something has happened."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.monitors.monitor import Finding, Level
from rlsr.monitors.watch import watched
from rlsr.runs.along_the_way import evaluation_files, name_of_step
from rlsr.runs.directory import RunDirectory
from rlsr.runs.growing import GrowingSteps
from rlsr.runs.rollout_samples import RolloutSample, read_rollout_samples
from rlsr.runs.rows import HeldoutRow, StepRow, mean_scores
from rlsr.runs.step_metrics import MONITOR
from rlsr.tracking.tracker import Sample

HELDOUT = "heldout"
"""Head of the names of held-out metrics among the numbers of steps."""


class StepRows:
    """The rows of a ``metrics.jsonl`` that grows, each told once.

    Args:
        run: The run.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._steps = GrowingSteps(run.metrics_file)
        self.so_far: list[StepRow] = []
        """All rows that were told and count."""

    def new(self, until: float) -> Iterator[StepRow]:
        """Read the rows that came since the last call.

        A run that goes on from a checkpoint takes steps again: their new rows count, and what stood after them does not.

        Args:
            until: The last step that is whole; its row is written before its samples are.

        Yields:
            Rows, when ``so_far`` ends with the one.

        Raises:
            RunError: A line is damaged.
        """
        self._steps.look()
        rows, told = self._steps.rows, self.so_far
        while told and (len(told) > len(rows) or told[-1] is not rows[len(told) - 1]):
            told.pop()
        for row in rows[len(told) :]:
            if row["step"] > until:
                return
            told.append(row)
            yield row


def numbers_of(row: Mapping[str, float]) -> dict[str, float]:
    """Take what a tracker is told of a row.

    Args:
        row: Of ``metrics.jsonl``.

    Returns:
        Its numbers without ``step``; what was not scored is left out, and never becomes 0.
    """
    return {
        name: float(value) for name, value in row.items() if name != "step" and math.isfinite(value)
    }


class Findings:
    """What monitors say of the rows of a run, once for each level, in the words of the terminal.

    Args:
        config: The resolved config.
    """

    def __init__(self, config: RunConfig) -> None:
        self._known = {one.monitor.name: one for one in watched(config)}
        self._said: dict[str, float] = {}

    def new(self, rows: Sequence[StepRow]) -> list[tuple[str, str]]:
        """Say what was found after the last row, where it is worse than what was found before.

        Args:
            rows: Of all steps so far, at least one; the last one has the levels of its monitors.

        Returns:
            Level and words of each; of a monitor that is not installed here its name alone.
        """
        levels = {
            column.partition("/")[2]: level
            for column, level in rows[-1].items()
            if column.startswith(f"{MONITOR}/") and level in set(Level)
        }
        worse = {name: level for name, level in levels.items() if level > self._said.get(name, 0.0)}
        self._said |= worse
        return [
            (Level(int(level)).name.lower(), self._in_words(name, Level(int(level)), rows))
            for name, level in worse.items()
            if name not in self._known or self._known[name].action != "log"
        ]

    def _in_words(self, name: str, level: Level, rows: Sequence[StepRow]) -> str:
        one = self._known.get(name)
        value = one.monitor.read(rows) if one else None
        if one is None or value is None:
            return name
        return f"{name}: {Finding(one, level, value).in_words}"


def samples_of(run: RunDirectory, step: int, count: int) -> list[Sample]:
    """Choose the responses of a step that people see first.

    Args:
        run: The run.
        step: Counted from 1.
        count: How many at most.

    Returns:
        The best and the worst by their reward, the best one first; unscored ones last. Empty where the step keeps none.

    Raises:
        RunError: The file of the step is damaged.
    """
    if not count:
        return []
    samples = [_sample(row) for row in read_rollout_samples(run.samples_file(step))]
    scored = [one for one in samples if one.reward is not None]
    ordered = sorted(scored, key=lambda one: one.reward or 0.0, reverse=True)
    if len(ordered) > count:
        num_worst = count // 2
        return [*ordered[: count - num_worst], *ordered[len(ordered) - num_worst :]]
    return [*ordered, *(one for one in samples if one.reward is None)][:count]


def _sample(row: RolloutSample) -> Sample:
    reward = None if math.isnan(row.reward) else row.reward
    return Sample(row.prompt, row.response, row.references[0], reward)


def evaluations_so_far(run: RunDirectory, last_step: int) -> list[tuple[str, int]]:
    """List the held-out evaluations that a run has.

    Args:
        run: The run.
        last_step: The last one that counts; 0 before the first.

    Returns:
        The name of each and the step after which it was made, in the order of the steps: 0 is before training, and the last one is
        that of the policy after it.
    """
    along_the_way = (step for step in evaluation_files(run.evaluation) if step <= last_step)
    found = {"before": 0, "after": last_step} | {name_of_step(step): step for step in along_the_way}
    there = [name for name in found if run.evaluation_file(name).is_file()]
    return sorted(
        ((name, found[name]) for name in there), key=lambda one: (one[1], one[0] == "after")
    )


def heldout_numbers(rows: Sequence[HeldoutRow], config: RunConfig) -> dict[str, float]:
    """Average what a policy was measured by.

    Args:
        rows: Its answers, in the order of the prompts.
        config: The resolved config: where policies are measured along the way on some of the prompts, these are what is averaged
            before and after training as well, so that the points of a curve are of the same prompts.

    Returns:
        Means by name, ``heldout/METRIC``; without what was not scored.
    """
    means = mean_scores(rows[: config.evaluation.during_prompts])
    return {f"{HELDOUT}/{name}": value for name, value in means.items() if math.isfinite(value)}


def summary_numbers(manifest: Mapping[str, Any]) -> dict[str, float]:
    """Take the numbers out of the summary of a run.

    Args:
        manifest: As ``manifest.json`` has it.

    Returns:
        ``num_steps`` and others by name, and of each held-out metric the means over all prompts before and after and their
        difference; without what was not scored.
    """
    names = ("num_steps", "best_step", "tokens_trained", "training_seconds", "peak_memory_gb")
    found: dict[str, Any] = {name: manifest.get(name) for name in names}
    for change in manifest.get("heldout", ()):
        for part in ("before", "after", "difference"):
            estimate = change.get(part)
            mean = estimate.get("mean") if isinstance(estimate, Mapping) else None
            found[f"{HELDOUT}/{change['name']}/{part}"] = mean
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
