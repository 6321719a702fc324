"""How large what a run holds in memory is: the policy, its rollouts, the reward's translator."""

from typing import Any

from rlsr.config import RunConfig
from rlsr.engines.memory import PolicySize, RolloutSize
from rlsr.models import Device, choose_dtype, count_parameters
from rlsr.rewards import reward_kind


def rollout_size(config: RunConfig, longest_prompt: int, num_processes: int = 1) -> RolloutSize:
    """Say how long the texts of a rollout may be.

    Args:
        config: The resolved config.
        longest_prompt: Tokens of the longest prompt.
        num_processes: How many share a rollout.
    """
    method = config.method
    assert method.max_response_tokens is not None, "resolved before"
    return RolloutSize(
        longest_prompt=longest_prompt,
        response_tokens=method.responses_together * method.max_response_tokens,
        num_generations=method.num_sampled,
        num_prompts=config.training.prompts_per_step // num_processes,
    )


def policy_size(model_config: Any, config: RunConfig, device: Device) -> PolicySize:
    """Size up the policy, and what lies beside it.

    Args:
        model_config: The policy's transformers config.
        config: The config of the run.
        device: Where it will be.

    Returns:
        What decides how much memory it takes.

    Raises:
        ModelError: The reward's translator cannot be found.
    """
    model = model_config.get_text_config()
    heads = getattr(model, "num_attention_heads", 1)
    key_heads = getattr(model, "num_key_value_heads", None) or heads
    head_width = getattr(model, "head_dim", None) or model.hidden_size // heads
    return PolicySize(
        num_parameters=count_parameters(model_config, config.model),
        hidden_size=model.hidden_size,
        num_layers=model.num_hidden_layers,
        vocab_size=model.vocab_size,
        key_width=key_heads * head_width,
        bytes_per_weight=choose_dtype(config.model, device).itemsize,
        translator_gb=reward_kind(config).memory_gb(config, device),
    )
