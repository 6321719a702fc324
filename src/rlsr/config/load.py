"""From YAML files and ``dotted.key=value`` arguments to a checked config.

Later layers win: defaults, then the files from left to right, then the overrides.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rlsr.config.layers import expand, merge_layers, with_type_tags
from rlsr.config.messages import describe, list_mistakes
from rlsr.config.run import RunConfig
from rlsr.config.unions import config_class, find_unions
from rlsr.config.yaml_text import parse_override, read_yaml
from rlsr.errors import ConfigError
from rlsr.secrets import places_of_secrets

Table = dict[str, Any]


def load_config(files: Sequence[Path] = (), overrides: Sequence[str] = ()) -> RunConfig:
    """Read, merge and check a config.

    Args:
        files: YAML files; later ones win.
        overrides: Arguments such as ``method.num_generations=4``; the value is YAML. They win over the files.

    Returns:
        The frozen config with every default filled in.

    Raises:
        ConfigError: A file cannot be read, or a key or value breaks a rule. All of them are listed at once. A config of
            several stages is refused; ``load_stages`` takes it.
    """
    return check_config(read_table(files, overrides))


def read_table(
    files: Sequence[Path], overrides: Sequence[str], *, recipe: str | None = None
) -> Table:
    """Read and merge settings without checking them.

    Args:
        files: YAML files; later ones win.
        overrides: Arguments such as ``method.num_generations=4``. They win over the files.
        recipe: The recipe that is taken where neither stages nor a method are named; None takes none.

    Returns:
        The settings that were given, short forms written out.

    Raises:
        ConfigError: A file or an override cannot be read, or stages are not written as such.
    """
    layers = [read_yaml(file) for file in files]
    return merge_layers(layers, list(map(parse_override, overrides)), recipe=recipe)


def config_from_table(table: Table) -> RunConfig:
    """Check a config that is a plain dictionary, as read from ``config.json``.

    Args:
        table: Nested settings; what is missing gets its default.

    Raises:
        ConfigError: A key or value breaks a rule, or there are several stages.
    """
    return check_config(expand(table))


def check_config(table: Table) -> RunConfig:
    """Check settings without short forms.

    Args:
        table: Nested settings, written out; what is missing gets its default.

    Raises:
        ConfigError: A key or value breaks a rule, or there are several stages.
    """
    if "stages" in table:
        raise ConfigError(
            f"stages: this is a config of {len(table['stages'] or ())} stages, and one run's is asked for here; `rlsr train` "
            "takes stages (in Python: rlsr.config.load_stages), anything else wants a config without them: add stages=null"
        )
    for place in places_of_secrets(table):
        # Not shown: what is refused here is a secret.
        raise ConfigError(
            f"{place}: must hold no key, password or token, since every run keeps its config; put it into an environment "
            "variable, and let what needs it read that (api_key_env names the one of a server)"
        )
    kind = config_class(table)
    unions = find_unions(kind)
    try:
        return kind.model_validate(with_type_tags(table, unions))
    except ValidationError as error:
        found = (describe(detail, unions) for detail in error.errors(include_url=False))
        raise ConfigError(list_mistakes(found)) from error
