"""From the recipes of an experiment to configs: of a recipe that leaves settings to a choice, those of every combination."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rlsr.comparison.budget import trial_budget
from rlsr.comparison.choose import (
    Values,
    combinations,
    in_words,
    read_reference,
    read_settings,
    with_values,
    with_values_of,
)
from rlsr.comparison.experiment import ExperimentConfig
from rlsr.comparison.recipe import Candidate, Recipe, refuse_seed, resolve_recipe, within
from rlsr.config.differences import differing_keys
from rlsr.config.embedding import vector_settings
from rlsr.config.layers import Table, expand
from rlsr.config.load import check_config
from rlsr.config.measurement import measurement
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError


def resolve_recipes(experiment: ExperimentConfig) -> tuple[Recipe, ...]:
    """Lay every recipe over the shared settings and give each its budget.

    Args:
        experiment: The experiment.

    Returns:
        The recipes, in their order.

    Raises:
        ConfigError: A setting of ``base`` or of a recipe breaks a rule; the message names the recipe.
    """
    base = expand(experiment.base)
    if "stages" in base:
        raise ConfigError(
            "base: shared settings have one method; stages belong into a recipe, as in recipes: {both: {method: [sft, rlsr]}}"
        )
    refuse_seed(base, "base")
    try:
        check_config(base)
    except ConfigError as error:
        raise within("base", error) from error
    found: dict[str, Recipe] = {}
    # A recipe that takes the choice of another needs that one's combinations.
    for name, table in sorted(experiment.recipes.items(), key=lambda item: _follows(item[1])):
        if table.get("choose") is None:
            found[name] = resolve_recipe(experiment, base, name, _own(table))
        elif _follows(table):
            found[name] = _following(experiment, base, name, found)
        else:
            found[name] = _choosing(experiment, base, name)
    return tuple(found[name] for name in experiment.recipes)


def _follows(table: Table) -> bool:
    """Say whether a recipe takes the choice of another."""
    return not isinstance(table.get("choose"), dict | None)


def _own(table: Table) -> Table:
    """Leave out of a recipe what it leaves to a choice."""
    return {key: value for key, value in table.items() if key != "choose"}


def _choosing(experiment: ExperimentConfig, base: Table, name: str) -> Recipe:
    """Resolve a recipe with trials of its own."""
    table = experiment.recipes[name]
    with _said_of(name):
        variants = [
            (values, with_values(_own(table), values))
            for values in combinations(read_settings(table["choose"]))
        ]
        budget = trial_budget(experiment.budget, experiment.trial_share)
    runs = _resolve_each(experiment, base, name, variants)
    trials = experiment.model_copy(update={"budget": budget})
    part = f", in a trial, which has trial_share={experiment.trial_share:g} of the budget"
    tried = _resolve_each(trials, base, name, variants, part)
    candidates = tuple(
        Candidate(values, run.stages, tuple(map(_without_heldout, trial.stages)))
        for (values, _), run, trial in zip(variants, runs, tried, strict=True)
    )
    with _said_of(name):
        _require_one_method(runs)
        _require_same_measure(candidates)
    return _recipe(runs, candidates, chosen_by=name)


def _following(
    experiment: ExperimentConfig, base: Table, name: str, found: Mapping[str, Recipe]
) -> Recipe:
    """Resolve a recipe that takes the choice of another for its stages of that one's method."""
    table = experiment.recipes[name]
    with _said_of(name):
        chooser = found[read_reference(table["choose"], name, experiment.recipes)]
        if len(chooser.methods) > 1:
            raise ConfigError(
                f"choose: {chooser.name} has {len(chooser.methods)} stages, and what is chosen goes to stages by its method; name "
                "a recipe of one method"
            )
    methods = resolve_recipe(experiment, base, name, _own(table)).methods
    with _said_of(name):
        variants = [
            (tried.values, with_values_of(_own(table), tried.values, methods, chooser.methods[0]))
            for tried in chooser.candidates
        ]
    runs = _resolve_each(experiment, base, name, variants)
    candidates = tuple(
        Candidate(values, run.stages) for (values, _), run in zip(variants, runs, strict=True)
    )
    return _recipe(runs, candidates, chosen_by=chooser.name)


def _recipe(runs: Sequence[Recipe], candidates: tuple[Candidate, ...], *, chosen_by: str) -> Recipe:
    notes = tuple(dict.fromkeys(note for run in runs for note in run.notes))
    return replace(runs[0], notes=notes, chosen_by=chosen_by, candidates=candidates)


def _resolve_each(
    experiment: ExperimentConfig,
    base: Table,
    name: str,
    variants: Sequence[tuple[Values, Table]],
    part: str = "",
) -> list[Recipe]:
    """Resolve a recipe with every combination of values, and list the mistakes of all, each once."""
    found: list[Recipe] = []
    mistakes: dict[str, list[Values]] = {}
    for values, table in variants:
        try:
            found.append(resolve_recipe(experiment, base, name, table))
        except ConfigError as error:
            for line in str(error).splitlines():
                mistakes.setdefault(line, []).append(values)
    if mistakes:
        lines = []
        for line, tried in mistakes.items():
            # What is wrong with all of them may have nothing to do with the choice.
            which = "" if len(tried) == len(variants) > 1 else f" (choose: {in_words(tried[0])})"
            lines.append(f"{line}{part}{which}")
        raise ConfigError("\n".join(lines))
    return found


def _without_heldout(config: RunConfig) -> RunConfig:
    """Leave the held-out prompts out of a trial: nothing is chosen by them."""
    nothing = {"enabled": False, "during": (), "during_prompts": None}
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update=nothing)})


def _require_one_method(runs: Sequence[Recipe]) -> None:
    methods = dict.fromkeys(" then ".join(run.methods) for run in runs)
    if len(methods) > 1:
        raise ConfigError(
            f"choose: the method of a recipe is no choice, got {', '.join(methods)}; write a recipe for each"
        )


def _require_same_measure(candidates: Sequence[Candidate]) -> None:
    """Refuse trials without a measure, or with measures that do not compare."""
    if not candidates[0].trial[-1].validation.num_prompts:
        raise ConfigError(
            "choose: is made on validation prompts, and validation.num_prompts is 0; set it in base, as in "
            "base: {validation: {num_prompts: 32}}, or leave choose out"
        )
    first, *others = (_measure(candidate.trial[-1]) for candidate in candidates)
    differing = dict.fromkeys(key for other in others for key in differing_keys(first, other))
    if differing:
        raise ConfigError(
            f"choose: its trials must be measured in the same way to be compared, but these settings differ: "
            f"{', '.join(differing)}; write a recipe for each"
        )


def _measure(config: RunConfig) -> dict[str, Any]:
    """Pick what decides what a policy reaches on validation prompts."""
    metric, num_prompts = config.validation_metric, config.validation.num_prompts
    scorer: dict[str, Any] = {"validation": {"metric": metric, "num_prompts": num_prompts}}
    if metric == "reward":
        scorer |= config.model_dump(include={"reward", "embedding"})
    if metric == "independent_similarity":
        scorer["evaluation"] = {
            "independent_embedding": vector_settings(config.independent_embedding)
        }
    return {**measurement(config), **scorer}


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """Name the recipe in what is said of its choice."""
    try:
        yield
    except ConfigError as error:
        raise within(f"recipes.{name}", error) from error
