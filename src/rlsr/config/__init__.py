"""The config: frozen, closed tables, read from YAML and command-line overrides. Loads no torch."""

from rlsr.config.load import config_from_table, load_config
from rlsr.config.run import RunConfig

__all__ = ["RunConfig", "config_from_table", "load_config"]
