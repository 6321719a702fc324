"""Configs and settings as Python has them: files, tables, and settings by their dotted keys."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.config.layers import merge_layers
from rlsr.config.recipes import SFT_THEN_RLSR
from rlsr.config.yaml_text import parse_override, read_yaml
from rlsr.errors import ConfigError

Table = dict[str, Any]

ConfigSource = str | Path | Mapping[str, Any]
"""A YAML file, or the same as a table."""

Config = ConfigSource | Sequence[ConfigSource] | None
"""One config, or several of which later ones win."""

Settings = Mapping[str, Any] | Iterable[str]
"""Settings over the config: values by dotted key, as in ``{"training.steps": 40}``, or ``KEY=VALUE`` as on the command line."""


def sources_of(config: Config) -> list[ConfigSource]:
    """List the configs that were given.

    Args:
        config: As a function took it.
    """
    if config is None:
        return []
    return [config] if isinstance(config, str | Path | Mapping) else list(config)


def files_of(config: Config) -> list[Path]:
    """List the files among the configs; the last one gives a run its name."""
    return [Path(one) for one in sources_of(config) if not isinstance(one, Mapping)]


def read_layers(config: Config) -> list[Table]:
    """Read configs.

    Args:
        config: As a function took it.

    Returns:
        One table for each, as written.

    Raises:
        ConfigError: One is neither a file nor a table, or cannot be read.
    """
    return [_read(source) for source in sources_of(config)]


def _read(source: Any) -> Table:
    if isinstance(source, str | Path):
        return read_yaml(Path(source).expanduser())
    if isinstance(source, Mapping):
        table: Table = plain(source)
        return table
    raise ConfigError(
        f"config: must be a YAML file, a table of settings, or a list of these, got {type(source).__name__}"
    )


def overrides_of(settings: Settings) -> list[Table]:
    """Write settings as tables that are laid over a config one after another.

    Args:
        settings: As a function took them.

    Raises:
        ConfigError: They have another form.
    """
    if isinstance(settings, Mapping):
        return [_nested(key, plain(value)) for key, value in settings.items()]
    if isinstance(settings, str):
        raise ConfigError(
            f"settings: must be a table or a list of KEY=VALUE, got the text {settings!r}; put it into a list"
        )
    return [_parsed(setting) for setting in settings]


def _parsed(setting: Any) -> Table:
    if isinstance(setting, str):
        return parse_override(setting)
    raise ConfigError(
        f"settings: a list holds KEY=VALUE texts, got {setting!r}; values of their own go into a table, as in {{'training.steps': 40}}"
    )


def _nested(key: Any, value: Any) -> Table:
    if not isinstance(key, str) or not all(key.split(".")):
        raise ConfigError(
            f"settings: a key has names with dots between them, as in 'training.steps', got {key!r}"
        )
    for part in reversed(key.split(".")):
        value = {part: value}
    table: Table = value
    return table


def plain(value: Any) -> Any:
    """Turn what Python has for the values of YAML into these: paths into texts, tuples into lists, NumPy's numbers into Python's.

    Args:
        value: Of a setting; what is none of these stays as it is, and the config's own check speaks of it.
    """
    if isinstance(value, Mapping):
        return {key: plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    if isinstance(value, Path):
        return str(value)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def given_options(**options: str | Path | None) -> list[Table]:
    """Write options, such as ``model``, as settings; without those that were not given."""
    return [{key: plain(value)} for key, value in options.items() if value is not None]


def named_data(layers: Sequence[Table], overrides: Sequence[Table]) -> str:
    """Say which data a config names.

    Args:
        layers: What was read of files and tables.
        overrides: What is laid over them.
    """
    data = merge_layers(layers, overrides).get("data")
    path = data.get("path") if isinstance(data, Mapping) else None
    return str(path or "builtin:instructions")


def staged_table(layers: Sequence[Table], overrides: Sequence[Table]) -> Table:
    """Merge the settings of a training, which is the default recipe where neither stages nor a method are named."""
    return merge_layers(layers, overrides, recipe=SFT_THEN_RLSR)
