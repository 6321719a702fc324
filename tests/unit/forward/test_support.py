"""A policy is tried, and refused with a reason where the grouped passes would not do."""

from typing import Any

import pytest
import torch

from families import SUPPORTED, UNSUPPORTED, make_policy, with_lora
from rlsr.forward import attention
from rlsr.forward.support import check_support

REASONS = {
    "gemma2": "sliding_attention",
    "mistral": "sliding_window",
    "qwen2_moe": "sliding_attention",
    "gpt_oss": "sliding_attention",
    "bloom": "cannot be chosen",
    "gpt2": "dropout",
    "qwen3_next": "recurrent state",
    "lfm2": "conv",
    "mamba": "recurrent state",
    "falcon_h1": "recurrent state",
}


@pytest.mark.parametrize("family", SUPPORTED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_families_that_may_share_a_pass(family: str, dtype: torch.dtype) -> None:
    assert check_support(make_policy(family, SUPPORTED[family]).to(dtype)) is None


@pytest.mark.parametrize("family", UNSUPPORTED)
@pytest.mark.filterwarnings("ignore")
def test_families_that_may_not(family: str) -> None:
    model = make_policy(family, UNSUPPORTED[family])
    reason = check_support(model)
    assert reason is not None
    assert reason.startswith(type(model).__name__)
    assert REASONS[family] in reason
    assert reason.endswith("so rollouts and updates take the plain way")


@pytest.mark.parametrize("family", ["mamba", "lfm2", "falcon_h1", "qwen3_next", "gemma2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.filterwarnings("ignore")
def test_a_mixing_model_that_says_nothing_is_found_out(
    family: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a model of another author might: its config does not tell what its layers do."""
    monkeypatch.setattr(attention, "_unknown_part", lambda _: None)
    monkeypatch.setattr(attention, "_CHANGES_THE_SCORES", ())
    settings = UNSUPPORTED[family]
    if family == "gemma2":
        # A cap so low that it matters; the window alone is longer than the trial.
        settings = {**settings, "attn_logit_softcapping": 0.5}
    model = make_policy(family, settings).to(dtype)
    reason = check_support(model)
    assert reason is not None
    assert "differ" in reason


def test_arguments_that_a_model_does_not_know_are_a_reason() -> None:
    model = make_policy("llama", {})
    plain = model.forward

    def forward(input_ids: torch.Tensor, use_cache: bool = True) -> Any:
        return plain(input_ids=input_ids, use_cache=use_cache)

    model.forward = forward
    reason = check_support(model)
    assert reason is not None
    assert "TypeError" in reason


def test_numbers_that_are_none_are_a_reason() -> None:
    model = make_policy("llama", {})
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    reason = check_support(model)
    assert reason is not None


@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_is_left_changed(adapters: bool, dtype: torch.dtype) -> None:
    model = make_policy("llama", {}).to(dtype)
    if adapters:
        model = with_lora(model)
    model.train()
    model.base_model.eval()
    modes = [module.training for module in model.modules()]
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in tensors.items()}
    random = torch.get_rng_state()
    assert check_support(model) is None
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in model.modules()] == modes
    for name, (place, value) in before.items():
        assert tensors[name].data_ptr() == place
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    assert model.config._attn_implementation == "sdpa"
    model(input_ids=torch.tensor([[3, 4]])).logits.float().sum().backward()
