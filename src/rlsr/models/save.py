"""Saving a policy so that others load it."""

import json
from pathlib import Path

from rlsr.models.adapters import CONFIG_FILE
from rlsr.models.builtin import name_for_others
from rlsr.models.load import WEIGHTS, Policy
from rlsr.runs.checksums import write_checksums


def save_policy(policy: Policy, directory: Path) -> None:
    """Save a model or an adapter so that ``transformers`` or ``peft`` load it as it is, with checksums of its weights.

    Args:
        policy: The policy, with or without adapters.
        directory: Where to.
    """
    neutral = policy.model.generation_config
    if policy.published_generation is not None:
        policy.model.generation_config = policy.published_generation
    # A policy in training may have a frozen copy of its adapters beside them.
    adapters = hasattr(policy.model, "peft_config")
    own = {"selected_adapters": [policy.model.active_adapter]} if adapters else {}
    policy.model.save_pretrained(directory, **own)
    if adapters:
        _name_base_for_others(directory / CONFIG_FILE)
    policy.tokenizer.save_pretrained(directory)
    policy.model.generation_config = neutral
    write_checksums(directory, WEIGHTS)


def _name_base_for_others(file: Path) -> None:
    """Write the name of a built-in base model in the place of the cache directory that it was loaded from."""
    saved = json.loads(file.read_text(encoding="utf-8"))
    saved["base_model_name_or_path"] = name_for_others(saved["base_model_name_or_path"])
    file.write_text(json.dumps(saved, indent=2, sort_keys=True), encoding="utf-8")
