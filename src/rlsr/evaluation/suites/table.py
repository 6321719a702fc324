"""Which suites there are: one line a suite, and those of installed packages."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError, EvaluationError, RlsrError
from rlsr.evaluation.suites.heldout import open_heldout
from rlsr.evaluation.suites.ifeval import open_ifeval
from rlsr.evaluation.suites.suite import Suite
from rlsr.models import Device
from rlsr.plugins import find_plugins, load_plugin, plugin_origins

GROUP: Final = "rlsr.suites"
"""The group of entry points by which a package adds a suite."""

HELDOUT = "heldout"
"""The suite that every run is evaluated on."""

OpenSuite = Callable[[RunConfig, Dataset, Device], Suite]
"""Opens a suite for the config of a run, its data, and the device on which models of the suite run."""

BUILT_IN: Mapping[str, OpenSuite] = {HELDOUT: open_heldout, "ifeval": open_ifeval}

# Answers are kept in files of these names.
_TAKEN = (*BUILT_IN, "before", "after")


def load_suites(names: Sequence[str]) -> dict[str, OpenSuite]:
    """Find suites by name, without opening them.

    Args:
        names: As on the command line; twice the same is once.

    Returns:
        What opens each, in the order of the names.

    Raises:
        ConfigError: There is no such suite, or that of an installed package cannot be imported or has a name that cannot be.
    """
    return {name: _load(name) for name in names}


def require_suite_settings(config: RunConfig) -> None:
    """Refuse settings of suites that are not there, or have none.

    Args:
        config: The config of a run: ``evaluation.suites``.

    Raises:
        ConfigError: One of its names is that of no suite with settings.
    """
    there = [name for name in dict.fromkeys([*BUILT_IN, *find_plugins(GROUP)]) if name != HELDOUT]
    for name in config.evaluation.suites:
        if name == HELDOUT:
            raise ConfigError(
                f"evaluation.suites.{HELDOUT}: has no settings here; its prompts are those of data.heldout and data.heldout_path"
            )
        if name not in there:
            raise ConfigError(
                f"evaluation.suites.{name}: there is no such suite; those with settings are {', '.join(there)}"
            )


def _load(name: str) -> OpenSuite:
    if name in BUILT_IN and name not in find_plugins(GROUP):
        return BUILT_IN[name]
    if name not in find_plugins(GROUP):
        there = ", ".join(dict.fromkeys([*BUILT_IN, *find_plugins(GROUP)]))
        raise ConfigError(
            f"--suite: there is no suite {name!r}; those that are installed are {there}"
        )
    origin = plugin_origins(GROUP, name)
    if name in _TAKEN or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ConfigError(
            f"{GROUP}: {origin} adds {name!r}; a suite's name is that of a file: letters, digits, _ and -, and none of "
            f"{', '.join(_TAKEN)}; give it another name there, or uninstall that package"
        )
    opener: OpenSuite = load_plugin(GROUP, name)
    if not callable(opener):
        raise ConfigError(
            f"{GROUP}: {name!r}, which {origin} adds, must be a function that opens a suite, got {type(opener).__name__}; mend "
            "or uninstall that package"
        )
    return opener


def open_suite(
    name: str, opener: OpenSuite, config: RunConfig, dataset: Dataset, device: Device
) -> Suite:
    """Open a suite and make sure that it has something to ask.

    Args:
        name: Its name.
        opener: As ``load_suites`` returned it.
        config: The resolved config of a run.
        dataset: Its data.
        device: Where models of the suite run.

    Returns:
        The suite, to be closed by the caller.

    Raises:
        RlsrError: It cannot be opened, or is none.
    """
    if name in BUILT_IN:
        return opener(config, dataset, device)
    try:
        suite = opener(config, dataset, device)
    except RlsrError:
        raise
    except Exception as error:
        raise EvaluationError(
            f"suite {name!r} of {plugin_origins(GROUP, name)} cannot be opened: {type(error).__name__}: {error}; mend or "
            "uninstall that package"
        ) from error
    wrong = _what_is_wrong(suite)
    if wrong:
        raise EvaluationError(
            f"suite {name!r} of {plugin_origins(GROUP, name)}: {wrong}; mend or uninstall that package"
        )
    return suite


def _what_is_wrong(suite: object) -> str | None:
    if not isinstance(suite, Suite):
        return (
            f"what opens it must return a rlsr.evaluation.suites.Suite, got {type(suite).__name__}"
        )
    if not suite.records or not all(isinstance(one, PromptRecord) for one in suite.records):
        return "its records must be prompts (rlsr.data.PromptRecord), at least one"
    if len({record.id for record in suite.records}) < len(suite.records):
        return "each of its records must have an id of its own"
    return None
