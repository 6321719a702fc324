"""Tiny random policies of several model families, and what a plain pass of one response says, to compare with."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

VOCABULARY = 53

_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    # Wide enough that logits differ and that a token seen by mistake changes them.
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
_MIXTURE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_STATE_SPACE = {
    "mamba_d_ssm": 32,
    "mamba_n_heads": 4,
    "mamba_d_head": 8,
    "mamba_n_groups": 1,
    "mamba_d_state": 8,
    "mamba_d_conv": 4,
    "mamba_chunk_size": 16,
}
_LINEAR = {
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}

SUPPORTED: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "phi3": {},
    "olmo2": {},
    "gpt_neox": {},
    "gpt2": {
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 512,
        "attn_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
    },
    "smollm3": {"num_hidden_layers": 4},
    "qwen3_moe": {"head_dim": 8, **_MIXTURE},
    "qwen2_moe": {"shared_expert_intermediate_size": 16, **_MIXTURE},
    "deepseek_v3": {
        "head_dim": 4,
        "num_key_value_heads": 4,
        "q_lora_rank": 8,
        "kv_lora_rank": 8,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 6,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "first_k_dense_replace": 1,
    },
    "mistral": {"sliding_window": None},
}
"""Families whose groups can share one pass, with what their tiny configs need beside the common settings."""

UNSUPPORTED: dict[str, dict[str, Any]] = {
    "gemma2": {"head_dim": 8},
    "mistral": {"sliding_window": 8},
    "qwen2_moe": {
        "use_sliding_window": True,
        "sliding_window": 8,
        "max_window_layers": 2,
        "shared_expert_intermediate_size": 16,
        **_MIXTURE,
    },
    "gpt_oss": {"head_dim": 8, "num_local_experts": 4},
    "bloom": {"n_layer": 2, "n_head": 4},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "attn_pdrop": 0.1},
    "qwen3_next": {"head_dim": 8, "num_hidden_layers": 4, **_LINEAR, **_MIXTURE},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    "mamba": {"state_size": 8},
    "falcon_h1": _STATE_SPACE,
}
"""Families whose layers let tokens of one response reach another, or whose attention has a part that a plan lacks."""


def make_policy(family: str, settings: dict[str, Any], *, seed: int = 0) -> Any:
    """Make a float32 policy in evaluation mode."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(family, **{**_COMMON, **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
        # Biases and normalisations start at 0 and 1, where mistakes could hide.
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.02 * torch.randn_like(weight))
    # Fill nothing in from the config: only what a call says ends a response.
    model.generation_config.eos_token_id = None
    return model.eval()


@cache
def shared_policy(family: str) -> Any:
    """A policy of a supported family for tests that change nothing."""
    return make_policy(family, SUPPORTED[family])


def with_lora(model: Any, *, dtype: torch.dtype | None = None, **settings: Any) -> Any:
    """Put adapters on a policy, whose second factor is not 0 as peft would have it."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        **{"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
        | settings
    )
    adapted = get_peft_model(model, config, autocast_adapter_dtype=dtype is None)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.copy_(0.2 * torch.randn_like(weight))
    return adapted


def save_with_tokenizer(model: Any, tiny_model: Path, path: Path) -> Path:
    """Save a policy beside the tokenizer of the tiny one."""
    ignored = shutil.ignore_patterns("config.json", "generation_config.json", "model.*")
    shutil.copytree(tiny_model, path, ignore=ignored)
    model.save_pretrained(path)
    return path


def plain_logits(model: Any, prompt: Sequence[int], response: Sequence[int]) -> torch.Tensor:
    """Pass one prompt with one response alone: (token, vocabulary) logits that predict the response."""
    ids = torch.tensor([[*prompt, *response]])
    logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0]
    return logits[len(prompt) - 1 : -1]


def plain_log_probs(
    model: Any, prompt: Sequence[int], response: Sequence[int], temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Score one response alone: log-probability and entropy of each token."""
    logits = plain_logits(model, prompt, response).float() / temperature
    table = torch.log_softmax(logits, dim=-1)
    chosen = table.gather(1, torch.tensor(list(response))[:, None]).squeeze(1)
    return chosen, -(table.exp() * table).sum(dim=-1)


def greedy_by_hand(
    model: Any, prompt: Sequence[int], *, max_response_tokens: int, stop_ids: Sequence[int]
) -> list[int]:
    """Answer one prompt by transformers' own loop."""
    from transformers import GenerationConfig

    ids = torch.tensor([list(prompt)])
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        generation_config=GenerationConfig(
            max_new_tokens=max_response_tokens,
            do_sample=False,
            eos_token_id=list(stop_ids) or None,
            pad_token_id=0,
        ),
    )
    answer: list[int] = output[0, len(prompt) :].tolist()
    return answer
