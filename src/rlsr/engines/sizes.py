"""How large what a run holds in memory is: the policy, its rollouts, the reward's translator."""

from typing import Any

from rlsr.config import RunConfig
from rlsr.config.model import ModelConfig
from rlsr.config.reward import LogicReward
from rlsr.config.translator import ModelTranslator
from rlsr.engines.memory import PolicySize, RolloutSize
from rlsr.errors import ModelError
from rlsr.models import Device, choose_dtype, load_model_config
from rlsr.rewards.model_translator import translator_error


def rollout_size(config: RunConfig, longest_prompt: int, num_processes: int = 1) -> RolloutSize:
    """Say how long the texts of a rollout may be.

    Args:
        config: The resolved config.
        longest_prompt: Tokens of the longest prompt.
        num_processes: How many share a rollout.

    Returns:
        Lengths and numbers.
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
        num_parameters=_num_parameters(model_config, config.model),
        hidden_size=model.hidden_size,
        num_layers=model.num_hidden_layers,
        vocab_size=model.vocab_size,
        key_width=key_heads * head_width,
        bytes_per_weight=choose_dtype(config.model, device).itemsize,
        translator_gb=_translator_gb(config, device),
    )


def _translator_gb(config: RunConfig, device: Device) -> float:
    """Size up the translator's weights; its adapters are small beside them."""
    reward = config.reward
    if not isinstance(reward, LogicReward) or not isinstance(reward.translator, ModelTranslator):
        return 0.0
    model = reward.translator.language_model
    try:
        model_config = load_model_config(model)
    except ModelError as error:
        raise translator_error(error) from error
    bytes_per_weight: int = choose_dtype(model, device).itemsize
    return _num_parameters(model_config, model) * bytes_per_weight / 1e9


def _num_parameters(model_config: Any, model: ModelConfig) -> int:
    """Count weights by building the model without memory for them."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(
            model_config, trust_remote_code=model.trust_remote_code
        )
    return sum(weight.numel() for weight in built.parameters())
