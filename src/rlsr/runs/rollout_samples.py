"""Rollouts that a run has kept for people: the responses of a step with their rewards."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsr.errors import RunError
from rlsr.runs.json_file import RESTORE, read_json_lines

_OF_EVERY_RESPONSE = frozenset({"id", "prompt", "reference", "references", "response", "reward"})


@dataclass(frozen=True)
class RolloutSample:
    """A response of a rollout."""

    prompt: str
    """What was asked."""
    references: tuple[str, ...]
    """The answers in the data."""
    response: str
    """What the policy wrote."""
    reward: float
    """NaN where it was not scored."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Further numbers by name, those that the reward is made of among them; NaN is unscored."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Further texts by name, such as the formulas that a reward has compared."""


def samples_file(samples: Path, step: int) -> Path:
    """Name the file of a step's responses.

    Args:
        samples: The directory ``samples/`` of a run.
        step: Counted from 1.
    """
    return samples / f"step-{step:06d}.jsonl"


def read_rollout_samples(file: Path) -> list[RolloutSample]:
    """Read the responses of a step.

    Args:
        file: One line a response; none where there is no such file.

    Raises:
        RunError: A line is damaged; the message names it.
    """
    return [_sample(place, line) for place, line in read_json_lines(file)]


def best_and_worst(samples: Sequence[RolloutSample]) -> tuple[RolloutSample, ...]:
    """Choose the responses with the highest and the lowest reward, the first of equal ones.

    Args:
        samples: Of one step.

    Returns:
        Two, or one where there are no two that were scored, or none at all.
    """
    scored = [sample for sample in samples if not math.isnan(sample.reward)]
    if not scored:
        return tuple(samples[:1])
    best = max(scored, key=lambda sample: sample.reward)
    worst = min(scored, key=lambda sample: sample.reward)
    return (best,) if worst is best else (best, worst)


def _sample(place: str, line: Any) -> RolloutSample:
    if not isinstance(line, dict) or not all(
        isinstance(line.get(name), str) for name in ("prompt", "response")
    ):
        raise RunError(
            f"{place}: damaged: expected a response with its prompt and its reward; {RESTORE}"
        )
    several = line.get("references")
    references = several if isinstance(several, list) else [line.get("reference", "")]
    further = {name: value for name, value in line.items() if name not in _OF_EVERY_RESPONSE}
    return RolloutSample(
        prompt=line["prompt"],
        references=tuple(map(str, references)),
        response=line["response"],
        reward=_number(line.get("reward")),
        parts={
            name: _number(value)
            for name, value in further.items()
            if value is None or isinstance(value, int | float)
        },
        texts={name: value for name, value in further.items() if isinstance(value, str)},
    )


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return math.nan
