"""The reference policy of one with adapters: the policy without them."""

from typing import Any

import pytest
import torch

from families import make_policy, with_lora

pytest.importorskip("trl", reason="the train extra is not installed")

from trl.trainer.utils import use_adapter

from rlsr.engines.trl.reference_policy import reference_policy

IDS = torch.tensor([[5, 9, 13, 21, 34]])


@pytest.fixture
def policy() -> Any:
    """A policy whose adapters change what it says."""
    model = with_lora(make_policy("llama", {}))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    return model


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def test_it_says_what_trls_reference_says(policy: Any) -> None:
    with use_adapter(policy, None):
        expected = logits(policy)
    with reference_policy(policy, None) as reference:
        assert torch.equal(logits(reference), expected)
    assert not torch.allclose(logits(policy), expected, atol=1e-2)


def test_adapters_are_on_and_trained_again_even_after_an_error(policy: Any) -> None:
    before = logits(policy)
    trained = {name: weight.requires_grad for name, weight in policy.named_parameters()}

    def fail() -> None:
        with reference_policy(policy, None):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        fail()
    assert torch.equal(logits(policy), before)
    assert {name: weight.requires_grad for name, weight in policy.named_parameters()} == trained


def test_a_reference_of_its_own_is_taken(policy: Any) -> None:
    own = make_policy("llama", {}, seed=1)
    with reference_policy(policy, own) as reference:
        assert reference is own
