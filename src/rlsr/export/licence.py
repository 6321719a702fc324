"""Under which licence a model may be used: what the card of the one that training began with says."""

from pathlib import Path
from typing import Any

import yaml

from rlsr.config.model import ModelConfig
from rlsr.hub import prepare_for_hub
from rlsr.models.adapters import find_adapters
from rlsr.models.builtin import SMOLLM2

KEYS = ("license", "license_name", "license_link")
"""What the hub reads of a card."""

_OF_SMOLLM2 = {"license": "apache-2.0"}
"""As the package that it comes in says."""


def find_licence(model: ModelConfig) -> dict[str, Any]:
    """Read the licence of a model from its card.

    Args:
        model: What training began with; of adapters the model that they stand on is meant where they have none of their own.

    Returns:
        What its card says, by ``KEYS``; nothing where there is no card to be had, or it says nothing.
    """
    if model.name == SMOLLM2:
        return _OF_SMOLLM2
    card = Path(model.name) / "README.md"
    if not Path(model.name).is_dir():
        return _of_hub(model)
    found = licence_in(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else {}
    adapters = find_adapters(model)
    return find_licence(adapters.base) if not found and adapters is not None else found


def licence_in(card: str) -> dict[str, Any]:
    """Read the licence in the head of a model card.

    Args:
        card: Markdown, with or without a head of YAML.
    """
    if not card.startswith("---"):
        return {}
    try:
        head = yaml.safe_load(card[3:].partition("\n---")[0])
    except yaml.YAMLError:
        return {}
    found = head if isinstance(head, dict) else {}
    return {key: found[key] for key in KEYS if isinstance(found.get(key), str | list)}


def _of_hub(model: ModelConfig) -> dict[str, Any]:
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    prepare_for_hub()
    try:
        kept = try_to_load_from_cache(model.name, "README.md", revision=model.revision)
        if not isinstance(kept, str) and not constants.HF_HUB_OFFLINE:
            kept = hf_hub_download(model.name, "README.md", revision=model.revision)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return {}
    return (
        licence_in(Path(kept).read_text(encoding="utf-8", errors="replace"))
        if isinstance(kept, str)
        else {}
    )
