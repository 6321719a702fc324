"""How much a forecast looks at."""

from typing import Final

from pydantic import Field

from rlsr.config.base import ConfigTable
from rlsr.statistics.estimate import FEWEST_UNITS

MIN_PROMPTS: Final = FEWEST_UNITS
"""Below this many prompts a difference has no interval, and a forecast nothing to say."""


class ForecastConfig(ConfigTable):
    """What ``rlsr forecast`` samples; its time grows with the product of both numbers."""

    num_prompts: int = Field(default=64, ge=MIN_PROMPTS)
    """Prompts to sample answers to; fewer where the data has fewer."""
    num_generations: int = Field(default=8, ge=2)
    """Answers to each prompt at temperature 1, of which the best by the reward is looked at."""
