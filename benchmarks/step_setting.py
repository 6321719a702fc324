"""The grid of the step benchmark: which weights are trained, how long prompts are, how responses end."""

import itertools
from dataclasses import dataclass
from typing import Literal

Training = Literal["lora", "full"]
Ending = Literal["natural", "forced"]

FORCED_TOKENS = 80
"""Length of every response where none can end by itself."""
NATURAL_TOKENS = 192
"""Longest response where the policy ends by itself: SmolLM2-135M-Instruct then writes some 50 tokens on average."""
INSTRUCTION = "Answer in one sentence."
"""Put behind every prompt where responses are to end by themselves."""


@dataclass(frozen=True)
class Setting:
    """One cell of the grid."""

    training: Training
    """``lora`` trains adapters of rank 16, ``full`` all weights."""
    prompt_tokens: int
    """Mean length of the prompts, about."""
    ending: Ending
    """``natural``: the policy ends its responses; ``forced``: none ends before the maximum."""

    @property
    def name(self) -> str:
        """As the command line names it."""
        return f"{self.training}-{self.prompt_tokens}-{self.ending}"

    @property
    def max_response_tokens(self) -> int:
        """Longest response."""
        return NATURAL_TOKENS if self.ending == "natural" else FORCED_TOKENS


_TRAININGS: tuple[Training, ...] = ("lora", "full")
_ENDINGS: tuple[Ending, ...] = ("natural", "forced")
GRID = tuple(
    Setting(training, prompt_tokens, ending)
    for training, prompt_tokens, ending in itertools.product(_TRAININGS, (40, 512), _ENDINGS)
)
"""All settings of the benchmark."""


def parse_settings(text: str) -> tuple[Setting, ...]:
    """Read the settings of a command line.

    Args:
        text: Names with commas between them, or ``all``.

    Returns:
        The settings, in the order of the names.

    Raises:
        ValueError: A name is unknown.
    """
    if text == "all":
        return GRID
    by_name = {setting.name: setting for setting in GRID}
    unknown = [name for name in text.split(",") if name not in by_name]
    if unknown:
        raise ValueError(
            f"unknown settings {', '.join(unknown)}; there are {', '.join(by_name)}, and all"
        )
    return tuple(by_name[name] for name in text.split(","))
