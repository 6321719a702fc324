"""An evaluation as a typed value with the score of every prompt, and ``evaluation.json``, where it is kept. No torch."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlsr.data.overlap import Overlap
from rlsr.errors import RunError
from rlsr.evaluation.metrics import Better
from rlsr.runs.json_file import RESTORE, read_json, write_json
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics import Estimate

VERSION = 1

FILE = "evaluation.json"
"""Its name in the directory of an evaluation."""


@dataclass(frozen=True)
class KeptMetric:
    """One metric of a policy."""

    name: str
    """The metric."""
    better: Better | None
    """Which way is better; None where nothing says so."""
    in_reward: bool
    """Whether the reward has it."""
    scorer: str | None
    """What its numbers depend on besides the response; scores of other scorers cannot be compared. None where a suite scores."""
    mean: Estimate
    """Over the prompts."""
    scores: tuple[float, ...]
    """One number a prompt; NaN is unscored."""

    @property
    def values(self) -> NDArray[np.float64]:
        """The scores as an array."""
        return np.array(self.scores, dtype=np.float64)


@dataclass(frozen=True)
class KeptSuite:
    """What an evaluation has found by one suite."""

    prompts: tuple[str, ...]
    """A digest of each prompt with its reference, by which the same prompt is known again."""
    metrics: tuple[KeptMetric, ...]
    """In the order of the suite."""
    overlap: Overlap | None
    """Which prompts stand in the training rows of the evaluation's data; None where there are no such rows."""

    @property
    def num_prompts(self) -> int:
        """Prompts that were answered."""
        return len(self.prompts)

    def metric(self, name: str) -> KeptMetric | None:
        """Find a metric; None where it was not measured.

        Args:
            name: Its name.
        """
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True)
class KeptEvaluation:
    """What an evaluation has found, so that another one can be held against it wherever the file lies."""

    rlsr: str
    """The version that wrote it."""
    created: str
    """ISO time."""
    model: str
    """The policy, as the config names it."""
    data: str
    """Where its training and held-out rows come from, as the config names it."""
    answers: str
    """How answers came about, as in ``greedy responses``."""
    confidence: float
    """Level of the means' intervals, and of all readings of a table together."""
    num_resamples: int
    """Bootstrap resamples."""
    suites: Mapping[str, KeptSuite]
    """By name, in the order in which they were asked."""


def now() -> str:
    """Write the time as files of results have it."""
    return datetime.now(tz=UTC).isoformat(timespec="seconds")


def digests(rows: Sequence[HeldoutRow]) -> tuple[str, ...]:
    """Give by what prompts are known again.

    Args:
        rows: One a prompt.

    Returns:
        Sixteen hexadecimal digits each, equal for the same id, prompt and reference.
    """
    return tuple(
        hashlib.sha256(repr(row.key).encode("utf-8", errors="surrogatepass")).hexdigest()[:16]
        for row in rows
    )


def write_kept(file: Path, evaluation: KeptEvaluation) -> None:
    """Write an evaluation as ``evaluation.json``, atomically; the keys are the names of the fields.

    Args:
        file: Where to; its directory exists.
        evaluation: What was found.
    """
    write_json(file, {"version": VERSION, **to_table(evaluation)})


def read_kept(place: Path) -> KeptEvaluation:
    """Read an evaluation.

    Args:
        place: A file that ``write_kept`` wrote, or the directory of an evaluation.

    Raises:
        RunError: There is none, or the file is damaged or of another version.
    """
    file = place / FILE if place.is_dir() else place
    if not file.exists():
        what = f"there is no {FILE} in it" if place.is_dir() else "there is no such file"
        raise RunError(
            f"{place}: {what}; name the {FILE} of an evaluation, or its directory, as rlsr evaluate leaves it"
        )
    table = read_json(file)
    if table.get("version") != VERSION or "suites" not in table:
        raise RunError(
            f"{file}: expected an {FILE} of version {VERSION}, got {_what_it_is(table)}; name that of rlsr evaluate, or evaluate "
            "again with this rlsr"
        )
    try:
        found = from_table(KeptEvaluation, table)
    except ValueError as error:
        raise RunError(f"{file}: damaged: {error}; {RESTORE}") from error
    for name, suite in found.suites.items():
        for metric in suite.metrics:
            if len(metric.scores) != suite.num_prompts:
                raise RunError(
                    f"{file}: damaged: suites.{name}: {metric.name} has {len(metric.scores)} scores for {suite.num_prompts} prompts; "
                    f"{RESTORE}"
                )
    return found


def _what_it_is(table: Mapping[str, object]) -> str:
    if "version" in table:
        return f"version {table['version']!r}"
    return f"a table of {', '.join(list(table)[:5])}" if table else "an empty table"
