"""Which prompts of a suite are asked, and by which settings."""

import random
from collections.abc import Collection, Sequence
from typing import TypeVar

from rlsr.config import RunConfig
from rlsr.config.suites import SuiteConfig
from rlsr.errors import ConfigError

Row = TypeVar("Row")


DRAWS = ("num_draws", "pass_at", "draw_temperature")
"""The settings of pass@k, which any suite may have whose answers are right or wrong."""


def settings_of_suite(
    config: RunConfig, name: str, *, reads: Collection[str] | None = None
) -> SuiteConfig:
    """Take the settings of a suite; those that a config does not name are the defaults.

    Args:
        config: The config of a run.
        name: Of the suite.
        reads: The settings that the suite has a use for beside those of pass@k; None is all.

    Raises:
        ConfigError: Another one is set.
    """
    settings = config.evaluation.suites.get(name, SuiteConfig())
    for key, field in SuiteConfig.model_fields.items():
        is_read = reads is None or key in reads or key in DRAWS
        if not is_read and getattr(settings, key) != field.get_default(call_default_factory=True):
            raise ConfigError(
                f"evaluation.suites.{name}.{key}: has no effect on this suite, which reads {', '.join(reads or ())}; leave it out"
            )
    return settings


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
