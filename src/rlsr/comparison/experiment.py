"""What ``rlsr compare`` sets side by side: recipes over one shared config, the seeds, and one budget for all."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from rlsr.config.base import ConfigTable
from rlsr.config.layers import Table, merge, merge_layers
from rlsr.config.messages import describe, list_mistakes
from rlsr.config.yaml_text import parse_override, read_yaml
from rlsr.errors import ConfigError

MEASURES_BY = ("data", "evaluation")
"""The tables of a config that say how a policy is measured."""

_RECIPE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,99}")


class BudgetConfig(ConfigTable):
    """What each trained run may use up; a pipeline's stages share it."""

    by: Literal["wall_clock", "tokens", "steps"]
    """``wall_clock``: seconds of training steps, rollouts included; ``tokens``: response tokens that updates learn from;
    ``steps``: optimiser steps."""
    amount: float = Field(gt=0)
    """How much of it."""

    @model_validator(mode="after")
    def _whole_numbers(self) -> Self:
        if self.by != "wall_clock" and self.amount != int(self.amount):
            raise ValueError(f"amount must be a whole number of {self.by}, got {self.amount:g}")
        return self


class ExperimentConfig(ConfigTable):
    """Recipes that are compared on the same held-out prompts after the same budget."""

    base: Table = Field(default_factory=dict)
    """Settings that all recipes share; in a file also the name of a config, seen from that file, or a list of names and
    tables, later ones winning."""
    recipes: dict[str, Table] = Field(min_length=2)
    """Settings over ``base`` by name. An empty recipe is the policy before training; a recipe whose ``method`` is a list is a
    pipeline, whose stages share the budget equally or as its ``budget_share`` says. ``choose`` leaves settings to trials: a list
    of values each, or the name of a recipe whose choice is taken."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Each trained recipe runs once with each; with one seed the luck of that seed cannot be told from an effect."""
    budget: BudgetConfig
    """The same for every trained run."""
    trial_share: float = Field(default=0.5, gt=0, le=1)
    """Part of the budget that each trial of a recipe's choice has."""
    baseline: str = ""
    """The recipe that the others are compared with; empty is the first untrained recipe, else the first one."""
    rival: str = ""
    """The recipe that the others are to pass in the curves over time; empty is the recipe that trains by sft alone, else the
    baseline."""
    again: dict[str, Table] = Field(default_factory=dict)
    """Other ways to measure the trained policies, by name, as settings of ``data`` and ``evaluation`` over ``base``: answers that
    are drawn, other prompts. Each has a table of its own, and may be added when all is trained."""
    average: bool = False
    """Whether the mean of the weights of a recipe's seeds is measured, too, as one policy more, with a table of its own; it may be
    asked for when all is trained."""
    tie_margins: dict[str, float] = Field(default_factory=dict)
    """Differences of up to this much are ties when wins are counted, by metric; what is not named keeps its default."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Level of the intervals of means, and of those of all differences that are read, together."""
    keep_checkpoints: bool = False
    """Whether the checkpoints of a finished run stay, and the weights of a trial; only an interrupted run needs checkpoints, and
    each has the optimiser's state."""

    @field_validator("recipes", mode="before")
    @classmethod
    def _nothing_is_an_empty_table(cls, recipes: Any) -> Any:
        """Take ``base:`` without anything behind it for ``base: {}``."""
        if not isinstance(recipes, dict):
            return recipes
        return {name: {} if table is None else table for name, table in recipes.items()}

    @field_validator("recipes")
    @classmethod
    def _names_of_directories(cls, recipes: dict[str, Table]) -> dict[str, Table]:
        for name in recipes:
            if not _RECIPE_NAME.fullmatch(name):
                raise ValueError(
                    f"a recipe's name is that of a directory: at most 100 letters, digits, _, + and -, got {name[:120]!r}"
                )
        lowered = [name.lower() for name in recipes]
        for name in recipes:
            if lowered.count(name.lower()) > 1:
                raise ValueError(f"{name!r}: two recipes differ only in capitals, rename one")
        return recipes

    @field_validator("again")
    @classmethod
    def _measures_otherwise(cls, again: dict[str, Table]) -> dict[str, Table]:
        for name, settings in again.items():
            if not _RECIPE_NAME.fullmatch(name):
                raise ValueError(
                    f"a name is that of a directory: at most 100 letters, digits, _, + and -, got {name[:120]!r}"
                )
            others = sorted({key.partition(".")[0] for key in settings} - set(MEASURES_BY))
            if others or not settings:
                raise ValueError(
                    f"{name}: policies that are trained can be measured by other data and in another way, as in {name}: "
                    f"{{evaluation: {{temperature: 1.0}}}}; got {', '.join(others) or 'no settings'}"
                )
        return again

    @field_validator("seeds")
    @classmethod
    def _seeds_of_runs(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"must differ from each other, got {list(seeds)}")
        if not all(0 <= seed < 2**32 for seed in seeds):
            raise ValueError(f"must be at least 0 and below 2**32, got {list(seeds)}")
        return seeds

    @field_validator("tie_margins")
    @classmethod
    def _margins_of_at_least_0(cls, margins: dict[str, float]) -> dict[str, float]:
        for name, margin in margins.items():
            if margin < 0:
                raise ValueError(f"{name}: a margin must be at least 0, got {margin:g}")
        return margins

    @model_validator(mode="after")
    def _averages_seeds(self) -> Self:
        if not self.average:
            return self
        if len(self.seeds) < 2:
            raise ValueError(
                f"average: is the mean of the weights of several seeds, got seeds={list(self.seeds)}; name more, or leave it out"
            )
        if "averaged" in self.again:
            raise ValueError("again.averaged: is the name of what average measures; take another")
        return self

    @model_validator(mode="after")
    def _baseline_and_rival_are_recipes(self) -> Self:
        for key, name in (("baseline", self.baseline), ("rival", self.rival)):
            if name and name not in self.recipes:
                raise ValueError(
                    f"{key}: must be one of the recipes {', '.join(self.recipes)}, got {name!r}"
                )
        return self

    @property
    def baseline_name(self) -> str:
        """The recipe that the others are compared with."""
        untrained = [name for name, table in self.recipes.items() if not table]
        return self.baseline or [*untrained, *self.recipes][0]


def load_experiment(file: Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read, merge and check an experiment; the recipes themselves are checked when they are resolved.

    Args:
        file: A YAML file.
        overrides: Arguments such as ``budget.amount=60`` or ``recipes.sft.training.learning_rate=1e-5``; they win.

    Returns:
        The frozen experiment, with a ``base`` that was a file read in.

    Raises:
        ConfigError: A file cannot be read, or a key or value breaks a rule. All of them are listed at once.
    """
    return merge_experiment(
        read_yaml(file), list(map(parse_override, overrides)), directory=file.parent
    )


def merge_experiment(
    table: Table, overrides: Sequence[Table], *, directory: Path
) -> ExperimentConfig:
    """Lay settings over an experiment, and check it.

    Args:
        table: As in its file.
        overrides: Tables, later ones winning.
        directory: From which files in ``base`` are seen.

    Returns:
        As ``load_experiment``.

    Raises:
        ConfigError: A file of ``base`` cannot be read, or a key or value breaks a rule.
    """
    if "base" in table:
        table = {**table, "base": _read_base(table["base"], directory)}
    for layer in overrides:
        table = _lay(table, layer)
    return experiment_from_table(table)


def experiment_from_table(table: Table) -> ExperimentConfig:
    """Check an experiment that is a plain dictionary, as in its file."""
    try:
        return ExperimentConfig.model_validate(table)
    except ValidationError as error:
        found = map(_describe, error.errors(include_url=False))
        raise ConfigError(list_mistakes(found)) from error


def _read_base(base: Any, directory: Path) -> Table:
    """Read the configs that ``base`` names and lay what it says over one another."""
    layers = base if isinstance(base, list) else [base or {}]
    for layer in layers:
        if not isinstance(layer, str | dict):
            raise ConfigError(
                f"base: must be settings, the name of a config file, or a list of these, got {layer!r}"
            )
    tables = [read_yaml(directory / layer) if isinstance(layer, str) else layer for layer in layers]
    return merge_layers(tables, [])


def _lay(table: Table, override: Table) -> Table:
    """Lay one override over an experiment; those of ``base`` and of recipes go by the rules of a run's settings."""
    laid = merge(table, {**override, "base": table.get("base"), "recipes": table.get("recipes")})
    if "base" in override:
        laid["base"] = merge_layers([table.get("base") or {}], [override["base"]])
    if "recipes" in override:
        recipes = table.get("recipes") or {}
        changed = {
            name: merge_layers([recipes.get(name) or {}], [recipe or {}])
            for name, recipe in override["recipes"].items()
        }
        laid["recipes"] = {**recipes, **changed}
    return {name: value for name, value in laid.items() if value is not None}


def _describe(detail: ErrorDetails) -> str:
    """Say where, what the rule is, what was got and the way out, in one line."""
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        names = sorted(
            BudgetConfig.model_fields
            if key.startswith("budget.")
            else ExperimentConfig.model_fields
        )
        close = difflib.get_close_matches(key.rpartition(".")[2], names, n=1, cutoff=0.6)
        way_out = (
            f"did you mean {close[0]}?" if close else f"the settings here are {', '.join(names)}"
        )
        return f"{key}: unknown setting of an experiment; {way_out}"
    return describe(detail, {}) + (_MISSING.get(key, "") if detail["type"] == "missing" else "")


_MISSING = {
    "recipes": "; an experiment names at least two, as in recipes: {base: {}, rlsr: {method: rlsr}}",
    "budget": "; recipes are compared after the same budget, as in budget: {by: wall_clock, amount: 120}",
}
