"""Recipes: several stages under one name, with settings that suit each other.

A recipe stands where a method would: ``method: sft+rlsr``. What a config says for all stages is laid over the recipe's own
settings, and what it says for one stage over both.
"""

from collections.abc import Mapping
from typing import Any

from rlsr.errors import ConfigError

Table = dict[str, Any]

SFT_THEN_RLSR = "sft+rlsr"
"""What ``rlsr train`` does where nothing else is asked for."""

# Each response is pulled towards the length of its reference. The same for both stages, so that what is measured after them means
# the same.
_PULL: Table = {"reward": {"type": "similarity", "similarity": {"length_exponent": 0.25}}}

RECIPES: Mapping[str, tuple[Table, ...]] = {
    SFT_THEN_RLSR: (
        # SFT to its best: as many passes as it gains by, and the weights that validation keeps. The likelihood decides: the answers
        # to so few prompts said after 30 steps that it had ended, where held-out answers gained for another 140 (docs/log.md).
        {
            "method": {"type": "sft"},
            "training": {"epochs": 5.0},
            "validation": {"num_prompts": 0.1, "metric": "nll", "every_steps": 15, "patience": 4},
            **_PULL,
        },
        # Few responses a prompt, nothing spent on a reference policy that SFT has just left, answers that have to end, and cool
        # samples, which ramble less: at temperature 1 and without the pull the length walks, down to half and up by half, and chrF
        # and BLEU with it (docs/log.md).
        {
            "method": {
                "type": "rlsr",
                "num_generations": 4,
                "kl_coefficient": 0.0,
                "temperature": 0.6,
                "advantage": {"cut": "lowest"},
            },
            **_PULL,
            "pipeline": {"forecast": True},
            "validation": {"num_prompts": 0.1, "every_steps": 6, "patience": 4},
        },
    )
}
"""The stages of each recipe, in their order, without short forms."""


def with_stages(table: Table, default: str | None = None) -> Table:
    """Write a recipe out as its stages.

    Args:
        table: Settings without short forms.
        default: The recipe that is taken where neither stages nor a method are named; None takes none.

    Returns:
        The settings with ``stages``; as they were where no recipe is named.

    Raises:
        ConfigError: There is no such recipe.
    """
    method = table.get("method", {})
    if "stages" in table or not isinstance(method, dict):
        return table
    name = method.get("type", default)
    if not isinstance(name, str) or name not in RECIPES:
        if isinstance(name, str) and "+" in name:
            raise ConfigError(
                f"method: a recipe, one of {', '.join(RECIPES)}, got {name!r}; other stages are written as a list, as in "
                "method=[sft,rlsr]"
            )
        return table
    shared = {**table, "method": {key: value for key, value in method.items() if key != "type"}}
    return {**shared, "stages": [_without(stage, shared) for stage in RECIPES[name]]}


def _without(stage: Table, shared: Table) -> Table:
    """Leave out of a stage what is said for all stages, so that it has its effect, and settings of a type that is not asked for."""
    kept: Table = {}
    for key, value in stage.items():
        said = shared.get(key)
        if isinstance(value, dict) and isinstance(said, dict):
            own = value.get("type")
            if said.get("type", own) == own:
                kept[key] = _without(value, said)
        elif key not in shared:
            kept[key] = value
    return kept
