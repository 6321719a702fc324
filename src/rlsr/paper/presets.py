"""Which runs the paper made, and the layers that each is composed of."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from rlsr.config.layers import merge_layers
from rlsr.config.stages import StagedConfig, stages_from_table
from rlsr.config.yaml_text import read_yaml
from rlsr.errors import ConfigError

LAYERS = Path(__file__).parent / "layers"
"""One file of settings a choice, and ``paper.yaml``, which all runs share."""

POLICIES = ("llama-8b", "qwen-7b", "qwen-32b")
DATA = ("tulu", "infinity")
ENCODERS = ("sbert", "qwen-embedding")
RECIPES = ("sft", "rlsr", "sft-rlsr")
_CHOICES = {"policy": POLICIES, "data": DATA, "encoder": ENCODERS, "recipe": RECIPES}


@dataclass(frozen=True)
class Preset:
    """One run of the paper."""

    policy: str
    data: str
    encoder: str
    recipe: str

    @property
    def names(self) -> tuple[str, ...]:
        """Its choices, as they are named on the command line."""
        return (self.policy, self.data, self.encoder, self.recipe)

    @property
    def files(self) -> list[Path]:
        """Its layers, later ones over earlier ones."""
        return [LAYERS / f"{name}.yaml" for name in ("paper", *self.names)]

    def table(self) -> dict[str, Any]:
        """Write its settings as one config."""
        return merge_layers([read_yaml(file) for file in self.files], [])

    def config(self) -> StagedConfig:
        """Check its settings.

        Returns:
            The config of each stage; one where the recipe has no stages.
        """
        return stages_from_table(self.table())


def all_presets() -> list[Preset]:
    """List the runs: every policy on every data set with every encoder by every recipe."""
    return [Preset(*names) for names in product(*_CHOICES.values())]


def preset_named(names: Sequence[str]) -> Preset:
    """Find a run.

    Args:
        names: One of each choice, in any order.

    Raises:
        ConfigError: A name is none of them, or a choice is missing or made twice.
    """
    known = [name for choice in _CHOICES.values() for name in choice]
    for name in names:
        if name not in known:
            raise ConfigError(f"{name!r}: must be one of {', '.join(known)}; `rlsr paper` lists all runs")  # fmt: skip
    made = {kind: [name for name in names if name in choice] for kind, choice in _CHOICES.items()}
    for kind, found in made.items():
        if len(found) != 1:
            raise ConfigError(
                f"{kind}: one of {', '.join(_CHOICES[kind])} must be named, got {' and '.join(found) or 'none'}; as in "
                "`rlsr paper qwen-7b infinity sbert sft-rlsr`"
            )
    return Preset(*(found[0] for found in made.values()))
