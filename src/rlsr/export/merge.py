"""Adapters as part of the model that they stand on."""

from pathlib import Path

from rlsr.config.model import ModelConfig
from rlsr.models import Policy, load_policy
from rlsr.models.save import save_policy
from rlsr.models.weight_files import Dtype

MERGED_IN: Dtype = "float32"


def write_merged(model: ModelConfig, place: Path) -> None:
    """Add adapters to their base model in float32, so that what is rounded is rounded once.

    Args:
        model: A directory with adapters.
        place: Where to write the whole model, an empty directory.

    Raises:
        ModelError: The base model is not there, or they do not fit it.
    """
    policy = load_policy(model.model_copy(update={"dtype": MERGED_IN}), "cpu")
    merged = policy.model.merge_and_unload()
    save_policy(Policy(merged, policy.tokenizer, policy.source, policy.published_generation), place)
