"""Which suites there are: one line a suite, and those of installed packages."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError, EvaluationError, RlsrError
from rlsr.evaluation.suites import commonsense, gsm8k
from rlsr.evaluation.suites.draws import with_draws
from rlsr.evaluation.suites.harness import PAPER, PREFIX, open_paper_tasks, open_task
from rlsr.evaluation.suites.heldout import open_heldout
from rlsr.evaluation.suites.ifeval import open_ifeval
from rlsr.evaluation.suites.judged.alpaca_eval import open_alpaca_eval
from rlsr.evaluation.suites.judged.arena_hard import open_arena_hard
from rlsr.evaluation.suites.judged.mt_bench import open_mt_bench
from rlsr.evaluation.suites.suite import Suite
from rlsr.models import Device
from rlsr.plugins import find_plugins, load_plugin, plugin_origins

GROUP: Final = "rlsr.suites"
"""The group of entry points by which a package adds a suite."""

HELDOUT = "heldout"
"""The suite that every run is evaluated on."""

OpenSuite = Callable[[RunConfig, Dataset, Device], Suite]
"""Opens a suite for the config of a run, its data, and the device on which models of the suite run."""

BUILT_IN: Mapping[str, OpenSuite] = {
    HELDOUT: open_heldout,
    "ifeval": open_ifeval,
    gsm8k.NAME: gsm8k.open_gsm8k,
    commonsense.NAME: commonsense.open_commonsense,
    PAPER: open_paper_tasks,
    "alpaca_eval": open_alpaca_eval,
    "arena_hard": open_arena_hard,
    "mt_bench": open_mt_bench,
}

FAMILIES: Mapping[str, Callable[[str, RunConfig, Dataset, Device], Suite]] = {PREFIX: open_task}
"""Suites by the beginnings of their names; what opens one is told its name."""

# Answers are kept in files of these names.
_TAKEN = (*BUILT_IN, "before", "after")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


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
    there = [name for name in _there() if name != HELDOUT]
    for name in config.evaluation.suites:
        if name == HELDOUT:
            raise ConfigError(
                f"evaluation.suites.{HELDOUT}: has no settings here; its prompts are those of data.heldout and data.heldout_path"
            )
        if name not in there and family_of(name) is None:
            raise ConfigError(
                f"evaluation.suites.{name}: there is no such suite; those with settings are {', '.join(there)}"
            )


def is_built_in(name: str) -> bool:
    """Say whether a suite is one of ours and of no installed package.

    Args:
        name: Its name.
    """
    return name in BUILT_IN or family_of(name) is not None


def family_of(name: str) -> str | None:
    """Take the beginning by which a suite is one of a family, as in ``lm_eval-``; None where it is of none.

    Args:
        name: Its name.
    """
    return next((head for head in FAMILIES if name.startswith(head) and name != head), None)


def _there() -> list[str]:
    families = [f"{head}TASK" for head in FAMILIES]
    return list(dict.fromkeys([*BUILT_IN, *families, *find_plugins(GROUP)]))


def _load(name: str) -> OpenSuite:
    if name not in find_plugins(GROUP):
        return _load_own(name)
    origin = plugin_origins(GROUP, name)
    if name in _TAKEN or family_of(name) is not None or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{GROUP}: {origin} adds {name!r}; a suite's name is that of a file: letters, digits, _ and -, and none of "
            f"{', '.join(_TAKEN)} or behind {' or '.join(FAMILIES)}; give it another name there, or uninstall that package"
        )
    opener: OpenSuite = load_plugin(GROUP, name)
    if not callable(opener):
        raise ConfigError(
            f"{GROUP}: {name!r}, which {origin} adds, must be a function that opens a suite, got {type(opener).__name__}; mend "
            "or uninstall that package"
        )
    return opener


def _load_own(name: str) -> OpenSuite:
    if name in BUILT_IN:
        return BUILT_IN[name]
    family = family_of(name)
    if family is None:
        raise ConfigError(
            f"--suite: there is no suite {name!r}; those that are installed are {', '.join(_there())}"
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"--suite: a suite's name is that of a file, of letters, digits, _ and -, got {name!r}; write such a task into a file "
            f"of its own that includes it: --suite {family}NAME=FILE.yaml"
        )
    return partial(FAMILIES[family], name)


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
    suite = _opened(name, opener, config, dataset, device)
    return with_draws(name, suite, config)


def _opened(
    name: str, opener: OpenSuite, config: RunConfig, dataset: Dataset, device: Device
) -> Suite:
    if is_built_in(name):
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
