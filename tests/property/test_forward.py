"""Properties of the passes over groups."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from families import VOCABULARY, greedy_by_hand, plain_log_probs, shared_policy
from rlsr.forward import group_cache, kernels
from rlsr.forward.generation import generate_groups
from rlsr.forward.kernels import fold_heads, masked_attention, unfold_heads
from rlsr.forward.layout import pack
from rlsr.forward.packed import TABLE_COST, packed_log_probs
from rlsr.forward.sampling import GREEDY, Sampling, draw_tokens
from rlsr.forward.token_scores import selected_log_probs

TOKENS = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=7)
SMALL = st.integers(1, 5)


@st.composite
def groups(draw: Any) -> tuple[list[list[int]], list[list[int]], list[int]]:
    prompts = draw(st.lists(TOKENS, min_size=1, max_size=4))
    responses = draw(st.lists(TOKENS, min_size=1, max_size=6))
    numbers = st.integers(0, len(prompts) - 1)
    prompt_of = draw(st.lists(numbers, min_size=len(responses), max_size=len(responses)))
    return prompts, responses, prompt_of


@given(groups())
def test_a_layout_holds_every_token_at_its_place(
    packed: tuple[list[list[int]], list[list[int]], list[int]],
) -> None:
    prompts, responses, prompt_of = packed
    layout = pack(prompts, responses, prompt_of, torch.device("cpu"))
    assert len(layout.tokens) == sum(map(len, prompts)) + sum(len(row) - 1 for row in responses)
    assert layout.targets.tolist() == [token for response in responses for token in response]
    before = iter(layout.predictors.tolist())
    for number, response in zip(prompt_of, responses, strict=True):
        whole = [*prompts[number], *response]
        for offset in range(len(response)):
            position = next(before)
            place = len(prompts[number]) + offset - 1
            assert layout.positions[position] == place
            assert layout.tokens[position] == whole[place]
    for segments, pieces in ((layout.prompts, prompts), (layout.responses, [row[:-1] for row in responses])):  # fmt: skip
        assert segments.index.max() < len(layout.tokens)
        for row, piece in enumerate(pieces):
            index = segments.index[row][segments.is_token[row]]
            assert layout.tokens[index].tolist() == piece


@given(groups(), st.sampled_from([0.5, 1.0, 1.7]), st.sampled_from([0, 20, 2**14]))
@settings(max_examples=30)
def test_packed_scores_are_those_of_plain_passes(
    packed: tuple[list[list[int]], list[list[int]], list[int]], temperature: float, table_cost: int
) -> None:
    prompts, responses, prompt_of = packed
    model = shared_policy("qwen3")
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(TABLE_COST, "cpu", table_cost)
        ours = packed_log_probs(model, *packed, temperature=temperature, with_entropy=False)
        for row, response in enumerate(responses):
            plain, _ = plain_log_probs(model, prompts[prompt_of[row]], response, temperature)
            scores = ours.log_probs[row, : len(response)]
            torch.testing.assert_close(scores, plain, rtol=1e-5, atol=5e-6)


@given(
    st.lists(TOKENS, min_size=1, max_size=4),
    st.integers(1, 3),
    st.integers(1, 9),
    st.sets(st.integers(0, VOCABULARY - 1), max_size=12),
    st.none() | st.integers(1, 9),
    st.sampled_from([0, 5, 128]),
)
@settings(max_examples=25)
def test_greedy_groups_are_those_of_transformers(
    prompts: list[list[int]],
    num_generations: int,
    max_response_tokens: int,
    stop_ids: set[int],
    rows_at_a_time: int | None,
    longest_copy: int,
) -> None:
    model = shared_policy("llama")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_cache, "LONGEST_COPY", longest_copy)
        found = generate_groups(
            model,
            prompts,
            num_generations=num_generations,
            max_response_tokens=max_response_tokens,
            stop_ids=stop_ids,
            sampling=GREEDY,
            rows_at_a_time=rows_at_a_time,
        )
    for prompt, group in zip(prompts, found, strict=True):
        wanted = greedy_by_hand(
            model, prompt, max_response_tokens=max_response_tokens, stop_ids=sorted(stop_ids)
        )
        assert group == [wanted] * num_generations


@given(
    st.integers(1, 150),
    st.integers(1, 40),
    st.floats(0.1, 5),
    st.sampled_from([0.1, 3.0, 100.0]),
    st.integers(0, 2**31),
)
@settings(max_examples=40)
def test_selected_log_probs_are_log_softmax(
    num_rows: int, vocabulary: int, temperature: float, scale: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(num_rows, vocabulary, generator=generator)).requires_grad_()
    targets = torch.randint(vocabulary, (num_rows,), generator=generator)
    weights = torch.randn(num_rows, generator=generator)
    scores, entropy = selected_log_probs(
        logits, targets, temperature=temperature, with_entropy=True
    )
    table = torch.log_softmax(logits.double() / temperature, dim=-1)
    plain = table.gather(1, targets[:, None]).squeeze(1)
    # The largest scaled logit is rounded to float32 before it is taken off.
    largest = float(logits.detach().abs().max()) / temperature
    close = {"rtol": 1e-5, "atol": 1e-6 * (1 + largest)}
    torch.testing.assert_close(scores.double(), plain, **close)
    assert (scores <= 0).all()
    assert entropy is not None
    torch.testing.assert_close(entropy.double(), -(table.exp() * table).sum(-1), **close)
    (ours,) = torch.autograd.grad((scores * weights).sum(), logits)
    (theirs,) = torch.autograd.grad((plain * weights).sum(), logits)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6 * (1 + largest) / temperature)


@given(
    st.tuples(SMALL, SMALL, SMALL, SMALL, st.integers(1, 3), SMALL),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_masked_attention_is_that_of_pytorch(
    sizes: tuple[int, int, int, int, int, int], seed: int, is_large: bool
) -> None:
    pieces, places, key_places, key_heads, repeats, width = sizes
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (
        torch.randn(pieces, rows, heads, width, generator=generator, requires_grad=True)
        for rows, heads in (
            (places, key_heads * repeats),
            (key_places, key_heads),
            (key_places, key_heads),
        )
    )
    visible = torch.rand(pieces, places, key_places, generator=generator) < 0.6
    visible[:, :, 0] = True
    with pytest.MonkeyPatch.context() as patch:
        if is_large:
            patch.setattr(kernels, "LARGEST_TABLE", 0)
        ours = masked_attention(query, key, value, visible=visible, scaling=0.7)
    theirs = scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=visible[:, None],
        scale=0.7,
        enable_gqa=True,
    ).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    weights = torch.randn(ours.shape, generator=generator)
    for mine, other in zip(
        torch.autograd.grad((ours * weights).sum(), (query, key, value)),
        torch.autograd.grad((theirs * weights).sum(), (query, key, value)),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@given(SMALL, SMALL, SMALL, SMALL, SMALL)
def test_folding_heads_is_undone(
    pieces: int, places: int, key_heads: int, repeats: int, width: int
) -> None:
    query = torch.randn(pieces, places, key_heads * repeats, width)
    assert torch.equal(unfold_heads(fold_heads(query, key_heads), places), query)


@given(
    st.integers(1, 20),
    st.integers(1, 60),
    st.floats(0.05, 4),
    st.floats(0.05, 1),
    st.integers(0, 2**31),
)
def test_draws_lie_in_the_nucleus_and_have_a_probability(
    num_rows: int, vocabulary: int, temperature: float, top_p: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(num_rows, vocabulary, generator=generator)
    masked = torch.rand(num_rows, vocabulary, generator=generator) < 0.5
    masked[:, seed % vocabulary] = False
    logits = logits.masked_fill(masked, float("-inf"))
    torch.manual_seed(seed)
    drawn = draw_tokens(logits, Sampling(temperature=temperature, top_p=top_p))
    assert drawn.shape == (num_rows,)
    probabilities = torch.softmax(logits.double() / temperature, dim=-1)
    for row, token in enumerate(drawn.tolist()):
        assert not masked[row, token]
        likelier = probabilities[row][probabilities[row] > probabilities[row, token]].sum()
        assert likelier < top_p + 1e-5
