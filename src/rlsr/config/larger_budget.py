"""A run that has used up its budget at a server goes on with another one, or is told to other trackers; all else stays as it was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rlsr.config.differences import may_change
from rlsr.config.layers import merge
from rlsr.config.load import config_from_table
from rlsr.config.run import RunConfig
from rlsr.config.stages import StagedConfig
from rlsr.config.yaml_text import parse_override

Table = dict[str, Any]


def sets_budget(override: str) -> bool:
    """Say whether an argument is a budget at a server, or the list of trackers.

    Args:
        override: As in ``reward.endpoint.budget.calls=200``.
    """
    return may_change(override.partition("=")[0])


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
    has_one = [
        all(_has(config.model_dump(), override) for override in overrides)
        for config in staged.configs
    ]
    # Where none has one, all of them say so.
    changed = (
        with_budget(config, overrides) if one or not any(has_one) else config
        for one, config in zip(has_one, staged.configs, strict=True)
    )
    return replace(staged, configs=tuple(changed))


def with_budget(config: RunConfig, overrides: Sequence[str]) -> RunConfig:
    """Give one run other budgets.

    Args:
        config: As the run was begun with.
        overrides: Budgets.

    Returns:
        The same with these.

    Raises:
        ConfigError: The reward has no such budget, or a value breaks a rule.
    """
    table: Table = config.model_dump(mode="json")
    for override in overrides:
        table = merge(table, parse_override(override))
    return config_from_table(table)


def _has(table: Any, override: str) -> bool:
    """Say whether settings have what an argument sets."""
    for key in override.partition("=")[0].split("."):
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
