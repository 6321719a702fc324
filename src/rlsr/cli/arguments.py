"""What commands share: telling files from settings, and leaving the terminal to our own words."""

import warnings
from pathlib import Path

from rlsr.errors import ConfigError

PIPED_WIDTH = 120
"""Columns where no terminal says how many there are; the tables fit."""


def split_arguments(arguments: list[str]) -> tuple[list[Path], list[str]]:
    """Tell config files from settings.

    Args:
        arguments: What stands on the command line without an option.

    Returns:
        Files ending in .yaml or .yml, and settings KEY=VALUE.

    Raises:
        ConfigError: Something is neither.
    """
    files, overrides = [], []
    for argument in arguments:
        if "=" in argument:
            overrides.append(argument)
        elif Path(argument).suffix in {".yaml", ".yml"}:
            files.append(Path(argument))
        else:
            raise ConfigError(
                f"{argument!r}: expected a config file ending in .yaml or a setting KEY=VALUE; "
                "data is given with --data, a model with --model"
            )
    return files, overrides


def quieten_libraries() -> None:
    """Leave the terminal to our own progress."""
    try:
        import datasets
        from transformers.utils import logging as transformers_logging
    except ImportError:  # the pipeline says what is missing and how to get it
        return
    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
