"""The attention of a model is swapped for a while and always put back."""

from typing import Any

import pytest
import torch

from families import UNSUPPORTED, make_policy, with_lora
from rlsr.forward.attention import NAME, UnsupportedPolicyError, attention_by_plan
from rlsr.forward.generation import generate_groups
from rlsr.forward.packed import packed_log_probs
from rlsr.forward.sampling import GREEDY

REFUSED = sorted(set(UNSUPPORTED) - {"gpt2"})
"""Refused whatever the mode; dropout is there only in training."""


def score(model: Any) -> None:
    packed_log_probs(model, [[3, 4]], [[5, 6, 7]], [0], temperature=1.0, with_entropy=False)


def test_the_name_is_put_back_after_nesting_and_after_an_exception() -> None:
    model = with_lora(make_policy("llama", {}))
    base = model.get_base_model()
    before = base.config._attn_implementation
    with attention_by_plan(model):
        with attention_by_plan(model):
            assert base.config._attn_implementation == NAME
        assert base.config._attn_implementation == NAME
        with pytest.raises(ZeroDivisionError), attention_by_plan(model):
            raise ZeroDivisionError
        assert base.config._attn_implementation == NAME
    assert base.config._attn_implementation == before != NAME


@pytest.mark.parametrize("family", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_other_attention_is_refused_before_anything_is_mixed(family: str) -> None:
    model = make_policy(family, UNSUPPORTED[family])
    before = model.config._attn_implementation
    with pytest.raises(UnsupportedPolicyError):
        score(model)
    with pytest.raises(UnsupportedPolicyError):
        generate_groups(
            model,
            [[3, 4]],
            num_generations=2,
            max_response_tokens=2,
            stop_ids=(),
            sampling=GREEDY,
        )
    assert model.config._attn_implementation == before


def test_dropout_of_attention_is_refused_in_training() -> None:
    model = make_policy("llama", {"attention_dropout": 0.1})
    score(model)
    with pytest.raises(UnsupportedPolicyError, match="dropout"):
        score(model.train())


def test_a_mask_is_refused() -> None:
    model = make_policy("llama", {})
    mask = torch.zeros(1, 1, 3, 3)
    with attention_by_plan(model), pytest.raises(UnsupportedPolicyError, match="mask"):
        model(input_ids=torch.tensor([[3, 4, 5]]), attention_mask=mask)


def test_a_pass_without_a_plan_is_refused() -> None:
    model = make_policy("llama", {})
    with attention_by_plan(model), pytest.raises(UnsupportedPolicyError, match="arguments"):
        model(input_ids=torch.tensor([[3, 4, 5]]))
