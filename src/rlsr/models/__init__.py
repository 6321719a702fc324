"""Policies: where they come from and how they are asked. Loads torch only when a function is called."""

from rlsr.models.chat import answered_ids, as_chat, prompt_ids, reference_lengths, response_ids
from rlsr.models.load import (
    Device,
    Policy,
    choose_device,
    choose_dtype,
    count_parameters,
    load_model_config,
    load_policy,
    load_tokenizer,
)
from rlsr.models.prompt_lengths import PromptLengths

__all__ = [
    "Device",
    "Policy",
    "PromptLengths",
    "answered_ids",
    "as_chat",
    "choose_device",
    "choose_dtype",
    "count_parameters",
    "load_model_config",
    "load_policy",
    "load_tokenizer",
    "prompt_ids",
    "reference_lengths",
    "response_ids",
]
