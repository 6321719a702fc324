"""What a recipe leaves to a choice: settings with a list of values each, or the choice of another recipe.

``choose: {training.learning_rate: [2e-5, 5e-5]}`` has every combination of its values tried; ``choose: sft`` takes for
the stages that have the method of the recipe ``sft`` what that recipe has chosen.
"""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.config.layers import Table, expand, merge, merge_layers
from rlsr.errors import ConfigError

MAX_COMBINATIONS = 24
"""Trials of one recipe; more would cost more than the comparison."""

Values = Mapping[str, Any]
"""One value for each setting that is chosen, by its dotted name."""

_EXAMPLE = "choose: {training.learning_rate: [2.0e-5, 5.0e-5]}"


def read_settings(choose: Table) -> dict[str, list[Any]]:
    """Read which values of which settings are to be tried.

    Args:
        choose: By setting, dotted or as tables in one another; of a setting that is written both ways the later one holds,
            which is that of an override.

    Returns:
        The values by dotted name, in their order.

    Raises:
        ConfigError: There is no setting or no value, a value is there twice, or there are too many combinations.
    """
    settings = dict(_leaves(choose))
    if not settings:
        raise ConfigError(
            f"choose: has no settings; name some with their values, as in {_EXAMPLE}, or leave it out"
        )
    for name, values in settings.items():
        _check_values(name, values)
    count = math.prod(map(len, settings.values()))
    if count > MAX_COMBINATIONS:
        sizes = " x ".join(str(len(values)) for values in settings.values())
        raise ConfigError(
            f"choose: must have at most {MAX_COMBINATIONS} combinations, each of which is a trial, got {sizes} = {count}; "
            "leave values out"
        )
    return settings


def read_reference(choose: Any, name: str, recipes: Mapping[str, Table]) -> str:
    """Read whose choice a recipe takes.

    Args:
        choose: What the recipe says.
        name: Of the recipe.
        recipes: All of them.

    Returns:
        The name of a recipe that has a choice of its own.

    Raises:
        ConfigError: It names none.
    """
    choosing = [other for other, table in recipes.items() if isinstance(table.get("choose"), dict)]
    rule = f"choose: must be settings with their values, as in {_EXAMPLE}, or the name of another recipe that has such a choice"
    if isinstance(choose, str) and choose in choosing and choose != name:
        return choose
    known = f"the recipes with one are {', '.join(choosing)}" if choosing else "no recipe has one"
    raise ConfigError(f"{rule}, got {choose!r}; {known}")


def combinations(settings: Mapping[str, list[Any]]) -> list[Values]:
    """List every combination of the values, the last setting changing first."""
    return [
        dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())
    ]


def as_table(values: Values) -> Table:
    """Write values by dotted name as tables in one another, as an override has them."""
    table: Table = {}
    for name, value in values.items():
        nested: Any = value
        for part in reversed(name.split(".")):
            nested = {part: nested}
        table = merge(table, nested)
    return table


def in_words(values: Values) -> str:
    """Write values for people, as in ``training.learning_rate=5e-05``."""
    return ", ".join(f"{name}={value_in_words(value)}" for name, value in values.items())


def value_in_words(value: Any) -> str:
    """Write one value as an override has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def with_values(own: Table, values: Values) -> Table:
    """Lay a combination over what a recipe says.

    Args:
        own: The recipe, without what it leaves to a choice.
        values: By dotted name.

    Returns:
        The recipe as one without a choice would be written.

    Raises:
        ConfigError: The recipe, or every stage of it, has a value of its own, so that there is nothing to choose.
    """
    own = expand(own)
    for name in values:
        if _says_itself(own, name):
            raise ConfigError(
                f"choose: {name}: the recipe has a value of its own; leave one of the two out"
            )
    return merge_layers([own], [as_table(values)])


def with_values_of(own: Table, values: Values, methods: Sequence[str], method: str) -> Table:
    """Lay what another recipe has chosen over the stages of a recipe that have its method.

    Args:
        own: The recipe, without what it leaves to a choice.
        values: By dotted name.
        methods: Of its stages.
        method: Of the recipe that has chosen.

    Returns:
        The recipe as one without a choice would be written.

    Raises:
        ConfigError: No stage has the method, or one that has it has a value of its own.
    """
    places = [place for place, found in enumerate(methods) if found == method]
    if not places:
        raise ConfigError(
            f"choose: what is chosen for {method} goes to the stages of that method, and here there are only "
            f"{', '.join(methods) or 'none'}"
        )
    if "stages" not in (own := expand(own)):
        return with_values(own, values)
    names = [
        (f"stages.{place}.{name}", value) for place in places for name, value in values.items()
    ]
    return with_values(own, dict(names))


def _says_itself(table: Any, name: str) -> bool:
    """Say whether settings, in which stages are a list, have the one of a dotted name."""
    for part in name.split("."):
        if isinstance(table, list) and part.isdecimal() and int(part) < len(table):
            table = table[int(part)]
        elif isinstance(table, Mapping) and part in table:
            table = table[part]
        else:
            return False
    return True


def _leaves(table: Table, prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        found += _leaves(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found


def _check_values(name: str, values: Any) -> None:
    rule = f"choose: {name}: must be a list of values that differ from each other"
    if not all(name.split(".")):
        raise ConfigError(f"choose: a setting has a dotted name, as in {_EXAMPLE}, got {name!r}")
    if not isinstance(values, list):
        raise ConfigError(f"{rule}, as in {_EXAMPLE}, got {values!r}")
    if not values:
        raise ConfigError(f"{rule}, got none; name them, as in {_EXAMPLE}, or leave it out")
    if any(value in values[:place] for place, value in enumerate(values)):
        raise ConfigError(f"{rule}, got {values!r}")
