"""Who answers in a chat: a run's model, any other model, or what a run began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsr.config import RunConfig, config_from_table
from rlsr.config.layers import Table, merge
from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError
from rlsr.models import Device, Policy, load_policy
from rlsr.runs.lineage import TrainedModel, find_trained

BASE = "base"
"""Names what a run began with."""

DEFAULT_MAX_TOKENS = 512
"""Longest answer of a model that comes from no run."""


@dataclass(frozen=True)
class Named:
    """A model that somebody has named, not loaded yet."""

    title: str
    """What people see."""
    config: RunConfig
    """Of the run that has left it, or the defaults, with what else was set; its model is the one that was named."""
    trained: TrainedModel | None
    """Where it comes from; None for a model that no run has left."""

    @property
    def longest_answer(self) -> int:
        """How many tokens an answer may have where nobody says so: as many as in the run's evaluation."""
        limit = self.config.method.max_response_tokens
        return DEFAULT_MAX_TOKENS if limit is None else limit


@dataclass(frozen=True)
class Speaker:
    """A model that answers."""

    title: str
    """What people see."""
    policy: Policy
    """The model."""


def name_speaker(name: str, settings: Table, step: int | None = None) -> Named:
    """Find the model that somebody has named.

    Args:
        name: A run, stages, ``final/`` of a run, or a model: a directory, an id, or ``builtin:smollm2-135m``.
        settings: Laid over the config of the run, or over the defaults, without short forms.
        step: Weights of a run after this step in place of its last ones.

    Raises:
        ConfigError: A step is asked for where there is no run, or a setting cannot be used.
        RunError: The run has no model yet, or not of that step.
    """
    trained = find_trained(Path(name), step)
    if trained is not None:
        title = name if step is None else f"{name} after step {step}"
        return Named(
            title, _with_model(trained.run.read_config(), trained.config, settings), trained
        )
    if step is not None:
        raise ConfigError(f"--step: belongs to a run, and {name} is none; leave it out")
    config = config_from_table(merge({"model": {"name": name}}, settings))
    return Named(name, config, None)


def name_other(name: str, first: Named, settings: Table) -> Named:
    """Find the model that another one is put beside.

    Args:
        name: As for ``name_speaker``, or ``base``: what the run of the first model began with.
        first: The other one.
        settings: As for ``name_speaker``.

    Raises:
        ConfigError: It is ``base``, and the first model comes from no run; or a setting cannot be used.
        RunError: The run has no model yet.
    """
    if name != BASE:
        return name_speaker(name, settings)
    if first.trained is None:
        raise ConfigError(
            f"--against {BASE}: is the model that a run began with, and {first.title} is no run; name a model, as in --against "
            "builtin:smollm2-135m"
        )
    origin = first.trained.origin
    config = _with_model(first.trained.line[0].read_config(), origin, settings)
    return Named(f"{BASE} ({origin.name})", config, None)


def load_speakers(named: Sequence[Named], device: Device) -> tuple[Speaker, ...]:
    """Load models that answer.

    Args:
        named: At least one.
        device: Where to.

    Raises:
        ModelError: One cannot be loaded, or writes nothing, as a classifier.
    """
    return tuple(Speaker(one.title, load_policy(one.config.model, device)) for one in named)


def _with_model(config: RunConfig, model: ModelConfig, settings: Table) -> RunConfig:
    table = config.model_copy(update={"model": model}).model_dump(mode="json")
    return config_from_table(merge(table, settings))
