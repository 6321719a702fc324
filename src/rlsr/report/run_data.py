"""What a run or a pipeline left on disk, as plain data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from rlsr.config import RunConfig, config_from_table
from rlsr.errors import ConfigError

Row = dict[str, Any]


def _nan_for_null(value: Any) -> Any:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_nan_for_null)]
"""A number of a file of ours: null there is NaN here, and means that nothing was scored."""

Text = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)
]


@dataclass(frozen=True)
class HeldoutRow:
    """One held-out prompt, a policy's answer to it, and how good that was."""

    id: Text
    """Of the prompt."""
    prompt: str
    """What was asked."""
    reference: str
    """The answer in the data."""
    response: str
    """The policy's answer."""
    scores: dict[str, Number]
    """By metric; NaN where it could not be scored."""
    category: Text | None = None
    """Of the prompt, if the data has it."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two rows of different runs rows of the same prompt."""
        return self.id, self.prompt, self.reference


@dataclass(frozen=True)
class StepRow:
    """The numbers of one optimiser step."""

    step: int
    """Counted from 1."""
    values: Mapping[str, float]
    """By name, as in ``metrics.jsonl``; NaN where nothing was scored."""


@dataclass(frozen=True)
class Stage:
    """One run directory: a whole run, or a stage of a pipeline."""

    name: str
    """Name of the directory."""
    path: Path
    """The directory."""
    config: Row
    """The resolved config as it was written; empty if there is none."""
    sessions: tuple[Row, ...]
    """With what each session ran."""
    steps: tuple[StepRow, ...]
    """The numbers of each step, in order."""
    before: tuple[HeldoutRow, ...] | None
    """The evaluation before training; None if there is none."""
    after: tuple[HeldoutRow, ...] | None
    """The evaluation after training; None if there is none."""
    manifest: Row | None
    """The summary that is written last; None means that the run is not complete."""

    @cached_property
    def method(self) -> str:
        """Name of the training method; ``untrained`` for a policy that was only evaluated."""
        if self.manifest is not None and self.manifest.get("num_steps") == 0:
            return "untrained"
        method = self.config.get("method")
        return str(method.get("type", "rlsr")) if isinstance(method, Mapping) else "unknown method"

    @cached_property
    def known_config(self) -> RunConfig | None:
        """The config as this version reads it; None where it cannot."""
        try:
            return config_from_table(self.config)
        except ConfigError:
            return None


@dataclass(frozen=True)
class Run:
    """A run, or a pipeline of runs that each go on from the policy of the one before."""

    path: Path
    """The directory that was named."""
    stages: tuple[Stage, ...]
    """At least one, in order."""
    missing_stages: tuple[str, ...] = ()
    """Stages of a pipeline that were not begun."""

    @property
    def is_pipeline(self) -> bool:
        """Whether it has stages of its own."""
        return self.stages[0].path != self.path

    @property
    def is_complete(self) -> bool:
        """Whether every stage reached its end."""
        return not self.missing_stages and all(stage.manifest is not None for stage in self.stages)

    @property
    def before(self) -> tuple[HeldoutRow, ...] | None:
        """The evaluation of the policy that training began with."""
        return self.stages[0].before

    @property
    def after(self) -> tuple[HeldoutRow, ...] | None:
        """The evaluation of the policy that came out; None where the last stage has none."""
        return None if self.missing_stages else self.stages[-1].after
