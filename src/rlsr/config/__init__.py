"""The config: frozen, closed tables, read from YAML and command-line overrides. Loads no torch."""

from rlsr.config.load import config_from_table, load_config
from rlsr.config.run import RunConfig
from rlsr.config.stages import StagedConfig, load_stages, split_stages, stages_from_table

__all__ = [
    "RunConfig",
    "StagedConfig",
    "config_from_table",
    "load_config",
    "load_stages",
    "split_stages",
    "stages_from_table",
]
