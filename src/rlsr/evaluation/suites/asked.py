"""Which prompts of a suite are asked."""

import random
from collections.abc import Sequence
from typing import TypeVar

from rlsr.config import RunConfig
from rlsr.config.suites import SuiteConfig

Row = TypeVar("Row")


def settings_of_suite(config: RunConfig, name: str) -> SuiteConfig:
    """Take the settings of a suite; those that a config does not name are the defaults.

    Args:
        config: The config of a run.
        name: Of the suite.
    """
    return config.evaluation.suites.get(name, SuiteConfig())


def sample(rows: Sequence[Row], number: int | None) -> list[Row]:
    """Draw rows, the same ones for every policy and every seed of a run.

    Args:
        rows: All there are.
        number: How many; None, or more than there are, takes all.

    Returns:
        Rows in their order; those of a smaller number are among those of a larger one.
    """
    order = list(range(len(rows)))
    random.Random(0).shuffle(order)
    return [rows[place] for place in sorted(order[:number])]
