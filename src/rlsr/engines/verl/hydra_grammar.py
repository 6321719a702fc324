"""Settings as Hydra reads them, which composes verl's config: arguments, and YAML that is laid over verl's own."""

from collections.abc import Mapping
from typing import Any

from rlsr.errors import ConfigError


def as_overrides(options: Mapping[str, Any], managed: Mapping[str, Any]) -> list[str]:
    """Write the user's options for verl as arguments, whose names verl checks.

    Args:
        options: The config's ``engine.options``.
        managed: What rlsr decides.

    Returns:
        One argument an option.

    Raises:
        ConfigError: An option belongs to another setting of ours.
    """
    for name in options:
        if any(_overlap(name, own) for own in managed):
            raise ConfigError(
                f"engine.options.{name}: rlsr sets this itself; see the settings of method, training and engine in docs/config.md"
            )
    return [f"{name}={_hydra(value)}" for name, value in options.items()]


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _hydra(value: Any) -> str:
    """Write a value in the grammar of Hydra's arguments."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_hydra(own)}" for key, own in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if value is None or isinstance(value, bool):
        return str(value).lower() if value is not None else "null"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into tables, as YAML has them.

    Args:
        settings: By dotted names, none of which is the beginning of another.
    """
    table: dict[str, Any] = {}
    for name, value in settings.items():
        *path, last = name.split(".")
        place = table
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return table


def yaml_table(settings: Mapping[str, Any], directory: str) -> dict[str, Any]:
    """Write settings as a config that Hydra lays over verl's own.

    Args:
        settings: By dotted names.
        directory: Where Hydra writes its log.
    """
    return {
        "hydra": {
            "searchpath": ["pkg://verl.trainer.config"],
            # It would write where rlsr was started.
            "run": {"dir": directory},
            "output_subdir": None,
        },
        "defaults": ["ppo_trainer", "_self_"],
        **nested(settings),
    }
