"""Commands share some options, how files are told from settings, and what holds where an option is not given."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from rlsr.errors import ConfigError

DataArgument = Annotated[
    str, typer.Argument(help="A file, builtin:instructions, or a Hugging Face dataset id.")
]
DataOption = Annotated[
    str | None, typer.Option(help="Your SFT set: a file, builtin:instructions, or a dataset id.")
]
CONFIG_AND_SETTINGS = "[CONFIG.yaml]... [KEY=VALUE]..."
"""How the arguments are named that ``split_arguments`` takes."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_CONFIG_ENDINGS = {".yaml", ".yml", ".json"}


def is_config_or_setting(argument: str) -> bool:
    """Tell a config file or a setting from anything else, such as the name of an encoder."""
    return "=" in argument or Path(argument).suffix in _CONFIG_ENDINGS


def split_arguments(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Tell config files from settings.

    Args:
        arguments: What stands on the command line without an option.

    Returns:
        Files ending in .yaml, .yml or .json, and settings KEY=VALUE.

    Raises:
        ConfigError: Something is neither.
    """
    for argument in arguments:
        if not is_config_or_setting(argument):
            raise ConfigError(
                f"{argument!r}: expected a config file ending in .yaml or a setting KEY=VALUE; "
                "data is given with --data, a model with --model"
            )
    files = [Path(argument) for argument in arguments if "=" not in argument]
    return files, [argument for argument in arguments if "=" in argument]


def models_among(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell models from configs and settings.

    Args:
        arguments: What stands on the command line without an option.

    Returns:
        Directories of runs, stages and models, ids of the hub with their owner, and built-in models; and the others.
    """
    models = [one for one in arguments if _is_model(one)]
    return models, [one for one in arguments if one not in models]


def _is_model(argument: str) -> bool:
    if Path(argument).expanduser().is_dir() or argument.startswith("builtin:"):
        return True
    return not is_config_or_setting(argument) and _HUB_ID.fullmatch(argument) is not None


def with_configs_of_runs(arguments: Sequence[str]) -> list[str]:
    """Put the config of a run into the place of its directory.

    Args:
        arguments: What stands on the command line without an option.
    """
    return [
        str(Path(one) / "config.json")
        # The config.json of a model is not that of a run.
        if all((Path(one) / name).is_file() for name in ("config.json", "provenance.json"))
        else one
        for one in arguments
    ]


def settings_of(options: Mapping[str, str | None]) -> list[str]:
    """Write options as settings.

    Args:
        options: Values by the key of the setting; None where an option was not given.

    Returns:
        ``KEY=VALUE`` for each option that was given, the value in quotes: a file may be named like a number or a table.
    """
    from rlsr.config.yaml_text import quoted

    return [f"{key}={quoted(value)}" for key, value in options.items() if value is not None]


def model_of(name: str | None) -> str | None:
    """Take the directory of a finished run for the model in it.

    Args:
        name: The option ``--model``.

    Returns:
        ``final/`` of the run; any other name as it is. Stages leave several models, one of which the user has to name.
    """
    if name is None or not Path(name).is_dir():
        return name
    from rlsr.runs.trained_models import trained_models

    models = trained_models(Path(name))
    return str(models[0]) if len(models) == 1 else name


def directory_to_resume(
    files: Sequence[Path],
    overrides: Sequence[str],
    out: Path | None,
    *,
    resume: bool,
    what: str,
    nothing_given: str,
) -> Path | None:
    """Decide whether a command goes on with the config of an interrupted run.

    Args:
        files: The config files that were given.
        overrides: The settings that were given.
        out: The option ``--out``.
        resume: The option ``--resume``.
        what: What would be resumed, as in ``run``.
        nothing_given: What to say where neither a config nor a setting was given.

    Returns:
        The directory that holds the config; None where the files and settings are the config.

    Raises:
        ConfigError: Nothing was given, or nothing says what to resume.
    """
    if resume and out is None:
        raise ConfigError(
            f"--resume: needs the directory of the interrupted {what}; give it with --out DIR"
        )
    if files or overrides:
        return None
    if not resume:
        raise ConfigError(nothing_given)
    return out


def default_directory(
    parent: str, files: Sequence[Path], data: str = "", *, suffix: str = ""
) -> Path:
    """Name the directory of the results where ``--out`` does not.

    Args:
        parent: Directory that all of a command's results lie in.
        files: The config files; the last one gives the name.
        data: The data, as the config names them; they give the name where there is no config file.
        suffix: What stands behind the name.

    Returns:
        The directory, with the time in its name.
    """
    name = files[-1].stem if files else Path(data.replace(":", "-")).name.split(".")[0]
    return Path(parent) / f"{name}{suffix}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
