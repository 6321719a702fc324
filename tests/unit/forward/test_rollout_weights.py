"""Weights of a rollout give the same outputs and leave nothing behind."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import linear

from families import SUPPORTED, make_policy, with_lora
from rlsr.forward.rollout_weights import _oneDNN_packs, rollout_weights

IDS = torch.tensor([[3, 4, 5, 6, 7, 8]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS, use_cache=False).logits
    return found


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def own_forwards(model: Any) -> list[str]:
    return [name for name, module in model.named_modules() if "forward" in vars(module)]


def assert_untouched(model: Any, before: dict[str, torch.Tensor]) -> None:
    assert not own_forwards(model)
    after = weights(model)
    assert before.keys() == after.keys()
    for name, weight in before.items():
        assert torch.equal(weight, after[name]), name


def test_adapters_are_merged_and_nothing_is_left() -> None:
    model = with_lora(make_policy("qwen2", {}))
    before, plain = weights(model), logits(model)
    merged = logits(copy.deepcopy(model).merge_and_unload())
    with rollout_weights(model):
        assert own_forwards(model)
        ours = logits(model)
    torch.testing.assert_close(ours, merged, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)
    assert_untouched(model, before)
    assert torch.equal(logits(model), plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_exception_leaves_nothing_either(dtype: torch.dtype) -> None:
    model = with_lora(make_policy("llama", {}).to(dtype))
    before = weights(model)
    with pytest.raises(ZeroDivisionError), rollout_weights(model):
        raise ZeroDivisionError
    assert_untouched(model, before)


def test_nesting_is_harmless() -> None:
    model = with_lora(make_policy("llama", {}))
    plain = logits(model)
    with rollout_weights(model):
        with rollout_weights(model):
            inner = logits(model)
        assert own_forwards(model)
        assert torch.equal(logits(model), inner)
    assert not own_forwards(model)
    torch.testing.assert_close(inner, plain, rtol=1e-4, atol=1e-4)


def two_adapters() -> Any:
    """Both are active, and each leaves out the layers of the other."""
    from peft import LoraConfig

    model = with_lora(make_policy("llama", {}), target_modules=["q_proj", "up_proj"])
    model.add_adapter("other", LoraConfig(r=2, target_modules=["v_proj", "up_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name and "other" in name:
                weight.copy_(torch.linspace(-0.3, 0.4, weight.numel()).view_as(weight))
    model.base_model.set_adapter(["default", "other"])
    return model.eval()


def with_bias_in_the_adapter() -> Any:
    return with_lora(
        make_policy("qwen2", {}), lora_bias=True, target_modules=["q_proj", "k_proj", "v_proj"]
    )


def with_trained_head() -> Any:
    model = with_lora(
        make_policy("llama", {}), target_modules=["q_proj"], modules_to_save=["lm_head"]
    )
    with torch.no_grad():
        model.base_model.model.lm_head.modules_to_save["default"].weight.mul_(1.5)
    return model


def merged_already() -> Any:
    model = with_lora(make_policy("llama", {}))
    model.merge_adapter()
    return model


VARIANTS: dict[str, Callable[[], Any]] = {
    "DoRA": lambda: with_lora(make_policy("llama", {}), use_dora=True),
    "rank-stabilised": lambda: with_lora(make_policy("llama", {}), use_rslora=True),
    "bias in the adapter": with_bias_in_the_adapter,
    "two adapters": two_adapters,
    "a trained head": with_trained_head,
    "merged already": merged_already,
    "experts": lambda: with_lora(
        make_policy("qwen3_moe", SUPPORTED["qwen3_moe"]),
        target_modules=["q_proj"],
        target_parameters=["mlp.experts.down_proj", "mlp.experts.gate_up_proj"],
    ),
    "parameters of linear layers": lambda: with_lora(
        make_policy("llama", {}), target_modules=[], target_parameters=["o_proj.weight"]
    ),
    "embeddings too": lambda: with_lora(
        make_policy("llama", {}), target_modules=["embed_tokens", "q_proj"]
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.filterwarnings("ignore")
def test_other_adapters_are_right_whether_merged_or_left_alone(variant: str) -> None:
    model = VARIANTS[variant]().eval()
    before, plain = weights(model), logits(model)
    with rollout_weights(model):
        ours = logits(model)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)
    assert_untouched(model, before)


def test_other_methods_are_left_alone() -> None:
    from peft import OFTConfig, get_peft_model

    model = get_peft_model(
        make_policy("llama", {}), OFTConfig(oft_block_size=4, r=0, target_modules=["q_proj"])
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "oft_" in name:
                weight.copy_(torch.linspace(-0.2, 0.2, weight.numel()).view_as(weight))
    plain = logits(model.eval())
    with rollout_weights(model):
        assert "forward" not in vars(model.get_submodule("model.model.layers.0.self_attn.q_proj"))
        torch.testing.assert_close(logits(model), plain, rtol=1e-5, atol=1e-5)


def test_layers_that_read_the_same_rows_are_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_policy("qwen2", {}).eval()
    plain, sizes = logits(model), []

    def linear(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        sizes.append(len(weight))
        return torch.nn.functional.linear(rows, weight, bias)

    monkeypatch.setattr("rlsr.forward.rollout_weights.linear", linear)
    with rollout_weights(model):
        ours = logits(model)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
    # Two layers: queries, keys and values with their biases; gate and up.
    assert sizes == [32 + 16 + 16, 48 + 48] * 2


def test_a_layer_that_is_asked_about_other_rows_answers_those() -> None:
    attention = make_policy("qwen2", {}).eval().model.layers[0].self_attn
    layers = attention.q_proj, attention.k_proj, attention.v_proj
    rows = torch.randn(3, 2, 32)
    with torch.no_grad():
        plain = {layer: [layer(row) for row in rows] for layer in layers}
        with rollout_weights(attention):
            for order in ((0, 1, 2), (2, 0, 1), (1, 1, 0), (2, 2, 0)):
                for number, layer in zip(order, layers, strict=True):
                    torch.testing.assert_close(layer(rows[number]), plain[layer][number])


def test_disabled_adapters_stay_disabled() -> None:
    model = with_lora(make_policy("llama", {}))
    with model.disable_adapter():
        plain = logits(model)
        with rollout_weights(model):
            assert torch.equal(logits(model), plain)
    assert not torch.equal(logits(model), plain)


needs_oneDNN = pytest.mark.skipif(
    not _oneDNN_packs(torch.empty(1, dtype=torch.bfloat16)), reason="PyTorch without oneDNN"
)


@needs_oneDNN
@pytest.mark.parametrize("adapter_dtype", [None, torch.bfloat16])
def test_bfloat16_products_are_rounded_like_the_plain_ones(
    adapter_dtype: torch.dtype | None,
) -> None:
    model = with_lora(make_policy("qwen2", {}).bfloat16(), dtype=adapter_dtype)
    before = weights(model)
    exact = logits(copy.deepcopy(model).float())
    plain = logits(model)
    with torch.inference_mode(), rollout_weights(model):
        ours = logits(model)
    assert_untouched(model, before)
    assert (ours - exact).abs().mean() < 1.5 * (plain - exact).abs().mean() + 0.01
    # Nothing of the inference mode sticks to the weights.
    total = model(input_ids=IDS).logits.float().sum()
    torch.autograd.backward(total)


@needs_oneDNN
@pytest.mark.parametrize("num_rows", [1, 31, 32, 77])
@pytest.mark.parametrize("bias", [False, True])
def test_a_packed_product_is_a_product(num_rows: int, bias: bool) -> None:
    generator = torch.Generator().manual_seed(num_rows)
    layer = torch.nn.Linear(45, 37, bias=bias, dtype=torch.bfloat16)
    rows = torch.randn(2, num_rows, 45, generator=generator).bfloat16()
    with torch.no_grad():
        with rollout_weights(layer):
            assert own_forwards(layer)
            ours = layer(rows)
        wide = None if layer.bias is None else layer.bias.float()
        exact = linear(rows.float(), layer.weight.float(), wide)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), exact, rtol=2**-7, atol=2**-7)
