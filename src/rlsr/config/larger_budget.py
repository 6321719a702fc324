"""A run that has used up its budget at a server goes on with another one, and with all else as it was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rlsr.config.differences import is_budget
from rlsr.config.layers import merge
from rlsr.config.load import config_from_table
from rlsr.config.run import RunConfig
from rlsr.config.stages import StagedConfig
from rlsr.config.yaml_text import parse_override

Table = dict[str, Any]


def sets_budget(override: str) -> bool:
    """Say whether an argument is a budget at a server.

    Args:
        override: As in ``reward.endpoint.budget.calls=200``.
    """
    return is_budget(override.partition("=")[0])


def with_budgets(staged: StagedConfig, overrides: Sequence[str]) -> StagedConfig:
    """Give a run, or its stages, other budgets.

    Args:
        staged: The config of every stage, as the run was begun with.
        overrides: Budgets; a stage whose reward asks no server has none.

    Returns:
        The same with these.

    Raises:
        ConfigError: No stage has such a budget, or a value breaks a rule.
    """
    given: Table = {}
    for override in overrides:
        given = merge(given, parse_override(override))
    tables = [config.model_dump(mode="json") for config in staged.configs]
    has_one = [_has_all(table, given) for table in tables]
    # Where none has one, all of them say so.
    changed = [
        config_from_table(merge(table, given)) if one or not any(has_one) else config
        for table, one, config in zip(tables, has_one, staged.configs, strict=True)
    ]
    return replace(staged, configs=tuple[RunConfig, ...](changed))


def _has_all(table: Any, given: Any) -> bool:
    """Say whether a table has all keys of another."""
    if not isinstance(given, dict):
        return True
    return isinstance(table, dict) and all(
        key in table and _has_all(table[key], value) for key, value in given.items()
    )
