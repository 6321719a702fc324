"""Packed log-probabilities are those of one plain pass for each response."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from families import SUPPORTED, make_policy, plain_log_probs, shared_policy, with_lora
from rlsr.forward.attention import attention_by_plan
from rlsr.forward.packed import TABLE_COST, packed_log_probs

PROMPTS = [[3, 4, 5, 6, 7], [9, 8], [21]]
RESPONSES = [[11, 12, 13], [14, 15], [16, 17, 18, 19, 11, 3], [20], [1, 2, 3], [30], [31, 32]]
PROMPT_OF_RESPONSE = [0, 1, 2, 1, 1, 2, 2]
"""Groups of 1, 3 and 3, not in order; the row ends with a response of one token for one prompt."""

GROUPS = {
    "groups": (PROMPTS, RESPONSES, PROMPT_OF_RESPONSE),
    "one prompt": (PROMPTS[:1], RESPONSES[:3], [0, 0, 0]),
    "one response": (PROMPTS[1:2], RESPONSES[2:3], [0]),
    "only single tokens": (PROMPTS[:2], [[5], [6], [5]], [0, 1, 1]),
    "the last response is a single token": (PROMPTS[:2], [[5, 6], [6]], [0, 1]),
    "a prompt without responses": (PROMPTS, RESPONSES[:2], [0, 2]),
}


def plain(
    model: Any, groups: tuple[Any, Any, Sequence[int]], temperature: float
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    prompts, responses, prompt_of = groups
    scores = [
        plain_log_probs(model, prompts[number], response, temperature)
        for number, response in zip(prompt_of, responses, strict=True)
    ]
    return [log_probs for log_probs, _ in scores], [entropy for _, entropy in scores]


def rows_of(table: torch.Tensor, responses: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Cut the padding off, after a look that it is 0."""
    for row, response in zip(table, responses, strict=True):
        assert not row[len(response) :].any()
    return [row[: len(response)] for row, response in zip(table, responses, strict=True)]


def weighted(rows: list[torch.Tensor]) -> torch.Tensor:
    """A loss that each token enters with a weight of its own."""
    tokens = torch.cat(rows)
    return (tokens * torch.linspace(-1, 1.5, len(tokens))).sum()


def gradients_of(model: Any) -> dict[str, torch.Tensor]:
    found = {
        name: weight.grad.clone()
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    model.zero_grad()
    assert found
    return found


def assert_same_scores_and_gradients(model: Any, groups: Any, temperature: float = 1.0) -> None:
    with attention_by_plan(model):
        packed = packed_log_probs(model, *groups, temperature=temperature, with_entropy=True)
        ours = rows_of(packed.log_probs, groups[1])
        weighted(ours).backward()
    our_gradients = gradients_of(model)
    assert packed.entropy is not None
    entropies = rows_of(packed.entropy, groups[1])
    theirs, their_entropies = plain(model, groups, temperature)
    weighted(theirs).backward()
    their_gradients = gradients_of(model)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(entropies, their_entropies, rtol=1e-5, atol=5e-6)
    assert not packed.entropy.requires_grad
    assert our_gradients.keys() == their_gradients.keys()
    for name, gradient in our_gradients.items():
        other = their_gradients[name]
        error = (gradient - other).norm() / other.norm().clamp_min(1e-6)
        assert error < 1e-5, f"{name}: {error:.1e}"


@pytest.mark.parametrize("family", SUPPORTED)
def test_scores_and_gradients_of_a_family(family: str) -> None:
    model = make_policy(family, SUPPORTED[family])
    assert_same_scores_and_gradients(model, GROUPS["groups"], temperature=0.7)


@pytest.mark.parametrize("table_cost", [0, TABLE_COST["cpu"]])
@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
def test_scores_and_gradients_of_groups(
    groups: Any, table_cost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE_COST, "cpu", table_cost)
    assert_same_scores_and_gradients(make_policy("llama", {}), groups)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_adapters_are_scored_and_trained(family: str) -> None:
    settings = {"fan_in_fan_out": True} if family == "gpt2" else {}
    model = with_lora(make_policy(family, SUPPORTED[family]), **settings)
    assert_same_scores_and_gradients(model, GROUPS["groups"])


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_gradient_checkpointing(use_reentrant: bool) -> None:
    model = with_lora(make_policy("llama", {}))
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
    model.train()
    assert_same_scores_and_gradients(model, GROUPS["groups"])


def test_gradient_checkpointing_must_know_the_plan_in_the_backward_pass() -> None:
    model = make_policy("llama", {}).train()
    model.gradient_checkpointing_enable()
    with pytest.raises(AssertionError, match="inside attention_by_plan"):
        packed_log_probs(model, *GROUPS["groups"], temperature=1.0, with_entropy=False)
    with torch.no_grad():
        packed_log_probs(model, *GROUPS["groups"], temperature=1.0, with_entropy=False)


def test_the_tables_do_not_see_the_order_of_responses() -> None:
    model = shared_policy("qwen3")
    order = [4, 2, 6, 0, 1, 3, 5]
    with torch.no_grad():
        first = packed_log_probs(
            model, PROMPTS, RESPONSES, PROMPT_OF_RESPONSE, temperature=1.0, with_entropy=False
        )
        second = packed_log_probs(
            model,
            PROMPTS,
            [RESPONSES[row] for row in order],
            [PROMPT_OF_RESPONSE[row] for row in order],
            temperature=1.0,
            with_entropy=False,
        )
    assert first.entropy is None
    torch.testing.assert_close(first.log_probs[order], second.log_probs, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("family", ["llama", "qwen3_moe", "gpt2"])
def test_bfloat16_is_as_near_to_float32_as_a_plain_pass_is(family: str) -> None:
    model = make_policy(family, SUPPORTED[family])
    with torch.no_grad():
        exact = torch.cat(plain(model, GROUPS["groups"], 1.0)[0])
        model.bfloat16()
        rounded = torch.cat(plain(model, GROUPS["groups"], 1.0)[0])
        packed = packed_log_probs(model, *GROUPS["groups"], temperature=1.0, with_entropy=False)
    assert packed.log_probs.dtype == torch.float32
    ours = torch.cat(rows_of(packed.log_probs, RESPONSES))
    assert (ours - exact).abs().mean() < 1.5 * (rounded - exact).abs().mean() + 0.01


def test_long_rows_take_the_kernel_that_keeps_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlsr.forward.kernels.LARGEST_TABLE", 0)
    assert_same_scores_and_gradients(make_policy("qwen2", {}), GROUPS["groups"])
