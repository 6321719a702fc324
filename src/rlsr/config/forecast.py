"""How much a forecast looks at."""

from typing import Final

from pydantic import Field

from rlsr.config.base import ConfigTable

MIN_PROMPTS: Final = 8
"""Below this many prompts not even the numbers are worth a look; a verdict takes more."""


class ForecastConfig(ConfigTable):
    """What ``rlsr forecast`` samples; its time grows with the product of both numbers."""

    num_prompts: int = Field(default=64, ge=MIN_PROMPTS)
    """Prompts to sample answers to; fewer where the data has fewer."""
    num_generations: int = Field(default=8, ge=2)
    """Answers to each prompt at temperature 1, of which the best by the reward is looked at."""
