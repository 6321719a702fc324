"""What verl starts from: a whole model that transformers loads by its name, with the chat template of the run."""

from dataclasses import replace
from pathlib import Path

from rlsr.config.model import ModelConfig
from rlsr.models import Device, Policy, load_policy
from rlsr.models.adapters import find_adapters
from rlsr.models.save import save_policy
from rlsr.runs.whole_directory import write_directory


def is_whole(model: ModelConfig) -> bool:
    """Say whether verl can load a model as it is.

    Args:
        model: The config's. One that is built in, of a revision, saved as adapters or asked with variables of its template is written
            out first.
    """
    as_it_is = not model.name.startswith("builtin:") and model.revision is None
    return as_it_is and not model.chat_template_kwargs and find_adapters(model) is None


def starting_model(model: ModelConfig, directory: Path, device: Device) -> str:
    """Find or write the model that verl starts from.

    Args:
        model: The config's.
        directory: Where it is written, where that is needed.
        device: Where it is loaded for that.

    Returns:
        The name of a directory, or an id of the hub.

    Raises:
        ModelError: It cannot be loaded.
    """
    if is_whole(model) and _has_template(model):
        place = Path(model.name)
        return str(place.resolve()) if place.is_dir() else model.name
    if not directory.is_dir():
        write_directory(directory, lambda place: save_policy(_whole(model, device), place))
    return str(directory.resolve())


def _has_template(model: ModelConfig) -> bool:
    """Say whether verl will ask a model as rlsr does, which gives base models a template of its own."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.name, trust_remote_code=model.trust_remote_code)
    return tokenizer.chat_template is not None


def _whole(model: ModelConfig, device: Device) -> Policy:
    """Load a policy, its adapters merged into its weights where it has some."""
    policy = load_policy(model, device)
    if hasattr(policy.model, "peft_config"):
        return replace(policy, model=policy.model.merge_and_unload())
    return policy
