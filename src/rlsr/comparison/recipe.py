"""A recipe of an experiment, and the configs of its stages: what it says over what is shared, with its budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlsr.comparison.budget import (
    cut_budget,
    own_limits,
    read_shares,
    require_known_end,
    shares_one_pot,
    with_budget,
)
from rlsr.comparison.choose import Values
from rlsr.comparison.experiment import ExperimentConfig
from rlsr.config.differences import differing_keys
from rlsr.config.layers import Table, expand, merge
from rlsr.config.load import check_config
from rlsr.config.measurement import measurement
from rlsr.config.method import RlsrMethod
from rlsr.config.recipes import with_stages
from rlsr.config.run import RunConfig
from rlsr.config.stages import FROM_THE_STAGE_BEFORE, check_stages, split_stages
from rlsr.errors import ConfigError


@dataclass(frozen=True)
class Candidate:
    """One combination of values that a recipe may get, with everything filled in but the seed."""

    values: Values
    """By setting."""
    stages: tuple[RunConfig, ...]
    """Of the recipe's runs, if it is chosen."""
    trial: tuple[RunConfig, ...] = ()
    """Of its trial; empty where the trials are those of another recipe."""


@dataclass(frozen=True)
class Recipe:
    """A recipe with everything filled in but the seed."""

    name: str
    """As in the experiment."""
    stages: tuple[RunConfig, ...]
    """One config, or one a stage of a pipeline."""
    is_untrained: bool
    """Whether it is the policy before training, whose one config is only evaluated."""
    notes: tuple[str, ...] = ()
    """What is allowed and may surprise."""
    chosen_by: str | None = None
    """The recipe whose trials choose the values, which may be this one; None where nothing is left to a choice."""
    candidates: tuple[Candidate, ...] = ()
    """What is chosen from. Until it is, ``stages`` are those of the first."""

    @property
    def chooses(self) -> bool:
        """Whether it has trials of its own."""
        return self.chosen_by == self.name

    @property
    def is_supervised(self) -> bool:
        """Whether all that trains it are references."""
        learns = {stage.method.learns_from for stage in self.stages}
        return not self.is_untrained and learns == {"references"}

    @property
    def possible_stages(self) -> tuple[RunConfig, ...]:
        """The configs of all stages that its runs may have."""
        found = [stage for candidate in self.candidates for stage in candidate.stages]
        return tuple(found) or self.stages

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the stages in order; empty for the untrained policy."""
        return () if self.is_untrained else tuple(stage.method.type for stage in self.stages)

    def with_response_limit(self, tokens: int) -> "Recipe":
        """Fill in the longest response where it was left to the data.

        Args:
            tokens: For every stage, so that all recipes answer within the same limit.
        """

        def filled(stage: RunConfig) -> RunConfig:
            if stage.method.max_response_tokens is not None:
                return stage
            method = stage.method.model_copy(update={"max_response_tokens": tokens})
            return stage.model_copy(update={"method": method})

        return self.with_stages(filled)

    def with_choice(self, place: int) -> "Recipe":
        """Take one of the candidates."""
        return replace(self, stages=self.candidates[place].stages)

    def with_stages(self, change: Callable[[RunConfig], RunConfig]) -> "Recipe":
        """Change the config of every stage, those that may be chosen and those of trials among them."""
        if not self.candidates:
            return replace(self, stages=tuple(map(change, self.stages)))
        candidates = tuple(
            replace(
                candidate,
                stages=tuple(map(change, candidate.stages)),
                trial=tuple(map(change, candidate.trial)),
            )
            for candidate in self.candidates
        )
        return replace(self, candidates=candidates, stages=candidates[0].stages)


def join_stages(tables: Sequence[Table]) -> Table:
    """Write the full settings of stages as one config, what they share only once.

    Args:
        tables: One a stage; the model of the later ones is that of the first.

    Returns:
        A table that ``split_stages`` takes apart again; of a single stage its own settings.
    """
    if len(tables) == 1:
        return dict(tables[0])
    first = tables[0]
    shared = {
        key: value
        for key, value in first.items()
        if all(key in table and table[key] == value for table in tables)
    }
    stages = [{key: value for key, value in table.items() if key not in shared} for table in tables]
    for stage in stages[1:]:
        if isinstance(stage.get("model"), dict):
            stage["model"] = {
                key: value
                for key, value in stage["model"].items()
                if key not in FROM_THE_STAGE_BEFORE
            }
    return {**shared, "stages": stages}


def check_agreement(recipes: Sequence[Recipe]) -> None:
    """Refuse recipes that would be measured on other prompts or in other ways than each other.

    Args:
        recipes: The recipes, with the longest response filled in.

    Raises:
        ConfigError: Settings that decide the measurement differ; the message names recipes and settings.
    """
    first = recipes[0]
    expected = measurement(first.stages[0])
    for recipe in recipes:
        for stage in recipe.possible_stages:
            differing = differing_keys(expected, measurement(stage))
            if differing:
                raise ConfigError(
                    f"recipes.{recipe.name}: recipes are measured on the same prompts in the same way, but these settings "
                    f"differ from those of {first.name}: {', '.join(differing)}; put them into base"
                )


def resolve_recipe(experiment: ExperimentConfig, base: Table, name: str, table: Table) -> Recipe:
    """Lay a recipe that leaves nothing to a choice over the shared settings and give it its budget.

    Args:
        experiment: The experiment.
        base: Its shared settings without short forms.
        name: Of the recipe.
        table: What the recipe says.

    Returns:
        The recipe.

    Raises:
        ConfigError: A setting breaks a rule; the message names the recipe.
    """
    place = f"recipes.{name}"
    refuse_seed(table, place)
    if not table:
        return Recipe(name, (check_config(base),), is_untrained=True)
    own = with_stages(expand({key: value for key, value in table.items() if key != "budget_share"}))
    try:
        shared, stages = _stages(base, own)
        limits = [own_limits(own, stage, experiment.budget) for stage in stages]
        full = split_stages({**shared, "stages": stages})
        share = table.get("budget_share")
        one_pot = share is None and shares_one_pot(full, experiment.budget)
        amounts: Sequence[float | None] = (
            [None] * len(full)
            if one_pot
            else cut_budget(experiment.budget, read_shares(share, len(full)))
        )
        tables = [
            with_budget(stage, experiment.budget, amount, limit)
            for stage, amount, limit in zip(full, amounts, limits, strict=True)
        ]
        configs = check_stages(join_stages(tables)).configs
        for config, limit in zip(configs, limits, strict=True):
            require_known_end(config, experiment.budget, limit)
    except ConfigError as error:
        raise within(place, error) from error
    notes = [_pot_note(name, configs)] if one_pot else []
    notes += [
        f"{name}: training.{key}={value} can end it before its budget is used up"
        for limit in limits
        for key, value in limit.items()
    ]
    notes += [
        note
        for stage, config in zip(stages, configs, strict=True)
        for note in _rate_notes(name, base, merge(own, stage), config)
    ]
    return Recipe(name, configs, is_untrained=False, notes=tuple(notes))


def _pot_note(name: str, configs: Sequence[RunConfig]) -> str:
    """Say how stages share their time where no share was given."""
    *first, last = [config.method.type for config in configs]
    ends = "ends" if len(first) == 1 else "end"
    return f"{name}: {', '.join(first)} {ends} when validation no longer rises, {last} has the rest"


def _stages(base: Table, own: Table) -> tuple[Table, list[Table]]:
    """Take a recipe for stages over shared settings, so that one method is treated as several are."""
    named = _read(base, "method", "type")
    if isinstance(base.get("method"), dict):
        # So that what only this method knows does not reach recipes of others.
        base = {**base, "method": {"type": RlsrMethod().type, **base["method"]}}
    if own.get("stages") is None:
        shared, stages = base, [own]
    else:
        shared = merge(base, {key: value for key, value in own.items() if key != "stages"})
        stages = own["stages"]
        if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
            raise ConfigError(f"stages: must be a list of tables, one a stage, got {stages!r}")
    for place, stage in enumerate(stages):
        if "choose" in stage:
            raise ConfigError(
                f"stages.{place}.choose: a recipe chooses as a whole; write it beside stages, as in choose: "
                f"{{stages.{place}.training.learning_rate: [2.0e-5, 5.0e-5]}}, or name a recipe whose choice it takes"
            )
        if named is None and "method" not in stage and "method" not in own:
            raise ConfigError(
                "method: is missing; name one, as in method: rlsr, or leave the recipe empty for the policy before training"
            )
    return shared, stages


def _rate_notes(name: str, base: Table, said: Table, config: RunConfig) -> list[str]:
    """Warn of a learning rate that was chosen for another method."""
    rates = [_read(table, "training", "learning_rate") for table in (base, said)]
    method = _read(base, "method", "type")
    if rates[0] is None or rates[1] is not None or method in {None, config.method.type}:
        return []
    return [
        f"{name}: the learning rate {rates[0]:g} of {config.method.type} is that of base, which says so for {method}; the "
        "rates that suit them may differ a lot"
    ]


def _read(table: Table, *place: str) -> Any:
    found: Any = table
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def refuse_seed(table: Table, place: str) -> None:
    """Refuse a seed beside those of the experiment."""
    if "seed" in table:
        raise ConfigError(
            f"{place}.seed: the seeds of an experiment are the same for all recipes; name them under seeds"
        )


def within(place: str, error: ConfigError) -> ConfigError:
    """Say in which recipe the settings of a message stand."""
    return ConfigError("\n".join(f"{place}: {line}" for line in str(error).splitlines()))
