"""Greedy groups are what transformers generates row by row; sampled ones have the policy's probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from families import SUPPORTED, greedy_by_hand, make_policy, plain_logits, shared_policy, with_lora
from rlsr.errors import EngineError
from rlsr.forward import group_cache
from rlsr.forward.generation import generate_groups
from rlsr.forward.sampling import GREEDY, Sampling

PROMPTS = [[3, 4, 5, 6, 7], [9, 8], [21], [30, 31, 32, 33, 34, 35, 36], [40, 2, 40]]
LONG = 150
"""Tokens, more than two blocks of the cache."""


def assert_greedy(
    model: Any, stop_ids: list[int], max_response_tokens: int, **settings: Any
) -> list[list[int]]:
    groups = generate_groups(
        model,
        PROMPTS,
        num_generations=2,
        max_response_tokens=max_response_tokens,
        stop_ids=stop_ids,
        sampling=GREEDY,
        **settings,
    )
    wanted = [
        greedy_by_hand(model, prompt, max_response_tokens=max_response_tokens, stop_ids=stop_ids)
        for prompt in PROMPTS
    ]
    assert groups == [[tokens, tokens] for tokens in wanted]
    return wanted


@pytest.fixture(params=["copied", "shared"])
def longest_copy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let short prompts be copied for each response, as by default, or shared as long ones are."""
    if request.param == "shared":
        monkeypatch.setattr(group_cache, "LONGEST_COPY", 0)


@pytest.mark.usefixtures("longest_copy")
@pytest.mark.parametrize("family", SUPPORTED)
def test_greedy_groups_of_a_family(family: str) -> None:
    model = shared_policy(family)
    free = assert_greedy(model, [], 24)
    # Tokens that stand at unlike places, so that prompts leave the batch one after the other.
    stops = [free[0][2], free[1][6], free[2][11]]
    ended = assert_greedy(model, stops, 24)
    assert len({len(tokens) for tokens in ended}) > 1


@pytest.mark.usefixtures("longest_copy")
@pytest.mark.parametrize("rows_at_a_time", [1, 4, 5, 100])
def test_parts_of_the_batch_change_nothing(rows_at_a_time: int) -> None:
    done: list[tuple[int, int]] = []
    assert_greedy(
        shared_policy("llama"),
        [35],
        12,
        rows_at_a_time=rows_at_a_time,
        on_progress=lambda *counts: done.append(counts),
    )
    assert done[-1] == (5, 5)
    assert len(done) == {1: 5, 4: 3, 5: 3, 100: 1}[rows_at_a_time]


def test_long_responses_outgrow_the_first_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_cache, "LONGEST_COPY", 0)
    model = make_policy("llama", {}, seed=3)
    free = assert_greedy(model, [], LONG)
    rare = next(token for token in free[0][80:] if token not in free[0][:80])
    ended = assert_greedy(model, [rare], LONG)
    assert 64 < len(ended[0]) < LONG


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen3_moe"])
def test_adapters_take_part(family: str) -> None:
    settings: dict[str, dict[str, Any]] = {
        "gpt2": {"fan_in_fan_out": True},
        "qwen3_moe": {"target_modules": ["q_proj", "v_proj", "lm_head"]},
    }
    model = with_lora(make_policy(family, SUPPORTED[family]), **settings.get(family, {}))
    adapted = assert_greedy(model, [], 12)
    with model.disable_adapter():
        assert assert_greedy(model, [], 12) != adapted


def test_every_draw_of_a_group_is_its_own_and_ends_at_its_stop() -> None:
    torch.manual_seed(0)
    groups = generate_groups(
        shared_policy("llama"),
        PROMPTS,
        num_generations=8,
        max_response_tokens=10,
        stop_ids=range(1, 12),
        sampling=Sampling(),
    )
    for group in groups:
        assert len({tuple(response) for response in group}) > 1
        for response in group:
            assert all(token not in range(1, 12) for token in response[:-1])
            assert len(response) == 10 or response[-1] in range(1, 12)


@pytest.mark.usefixtures("longest_copy")
def test_a_response_is_drawn_alike_whatever_is_written_beside_it() -> None:
    """Neither the cut into batches, nor the other rows, nor PyTorch's generator decides."""

    def write(
        prompts: list[list[int]],
        number: int,
        seeds: Sequence[tuple[int, ...]],
        cut: int | None = None,
    ) -> Any:
        return generate_groups(
            shared_policy("llama"),
            prompts,
            num_generations=number,
            max_response_tokens=12,
            stop_ids=range(1, 6),
            sampling=Sampling(temperature=1.5),
            seeds=seeds,
            rows_at_a_time=cut,
        )

    seeds = [(7, 3, place) for place in range(4 * len(PROMPTS))]
    whole = write(PROMPTS, 4, seeds)
    assert len({tuple(response) for group in whole for response in group}) > len(PROMPTS)
    torch.manual_seed(1)
    assert write(PROMPTS, 4, seeds, cut=4) == whole
    for place, prompt in enumerate(PROMPTS):
        own = seeds[4 * place : 4 * place + 4]
        assert write([prompt], 4, own) == [whole[place]]
        assert write([prompt], 1, own[2:3]) == [whole[place][2:3]]


def test_modes_and_gradients_are_left_alone() -> None:
    model = make_policy("llama", {}).train()
    generate_groups(
        model, PROMPTS, num_generations=1, max_response_tokens=1, stop_ids=(), sampling=GREEDY
    )
    assert model.training
    model(input_ids=torch.tensor([[3, 4]])).logits.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_long_prompts_take_the_kernel_that_keeps_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlsr.forward.kernels.LARGEST_TABLE", 0)
    assert_greedy(shared_policy("llama"), [35], 6)


def test_bfloat16_takes_tokens_that_are_as_likely_as_the_likeliest() -> None:
    model = make_policy("llama", {}).bfloat16()
    groups = generate_groups(
        model, PROMPTS, num_generations=3, max_response_tokens=70, stop_ids=[35], sampling=GREEDY
    )
    model.float()
    for prompt, group in zip(PROMPTS, groups, strict=True):
        for response in group:
            with torch.no_grad():
                logits = plain_logits(model, prompt, response)
            taken = logits.gather(1, torch.tensor(response)[:, None]).squeeze(1)
            assert (logits.max(dim=1).values - taken).max() < 0.1


@pytest.mark.parametrize("rope", ["dynamic", "longrope"])
def test_rotations_that_depend_on_the_length_can_be_trained_afterwards(rope: str) -> None:
    """They are kept in buffers, which a rollout must not leave unfit for gradients."""
    settings: dict[str, Any] = {"rope_type": rope, "factor": 4.0, "rope_theta": 1e4}
    if rope == "longrope":
        factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
        settings |= {"original_max_position_embeddings": 16, **factors}
    model = make_policy("llama", {"max_position_embeddings": 16, "rope_parameters": settings})
    generate_groups(
        model, PROMPTS, num_generations=1, max_response_tokens=20, stop_ids=(), sampling=GREEDY
    )
    for length in (30, 4):
        torch.autograd.backward(model(input_ids=torch.tensor([[3] * length])).logits.sum())


def test_no_prompts_no_responses() -> None:
    assert not generate_groups(
        shared_policy("llama"),
        [],
        num_generations=2,
        max_response_tokens=4,
        stop_ids=(),
        sampling=GREEDY,
    )


def test_a_policy_that_diverged_is_an_error() -> None:
    model = make_policy("llama", {})
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(EngineError, match="diverged"):
        generate_groups(
            model,
            PROMPTS,
            num_generations=2,
            max_response_tokens=4,
            stop_ids=(),
            sampling=Sampling(),
        )
    assert model.config._attn_implementation == "sdpa"


def joint_probabilities(model: Any, prompt: list[int], sampling: Sampling) -> torch.Tensor:
    """Probability of each pair of first two tokens."""
    vocabulary = model.config.vocab_size
    with torch.no_grad():
        logits = torch.stack(
            [plain_logits(model, prompt, [token, 0]) for token in range(vocabulary)]
        )
    table = torch.softmax(logits.double() / sampling.temperature, dim=-1)
    return table[0, 0][:, None] * table[:, 1]


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_responses_have_the_probabilities_of_plain_passes(temperature: float) -> None:
    model = make_policy("llama", {"vocab_size": 9})
    prompt, num_draws = [3, 4, 5], 20_000
    joint = joint_probabilities(model, prompt, Sampling(temperature=temperature)).numpy()
    torch.manual_seed(0)
    # A second prompt and stops, so that rows leave; the stop token's second place is then unseen.
    groups = generate_groups(
        model,
        [[7, 8], prompt],
        num_generations=num_draws,
        max_response_tokens=2,
        stop_ids=[2],
        sampling=Sampling(temperature=temperature),
    )
    counts = np.zeros((9, 9))
    for response in groups[1]:
        counts[response[0], response[1] if len(response) == 2 else 0] += 1
    joint[2] = [joint[2].sum(), *[0] * 8]
    likely = joint * num_draws >= 5
    observed = [*counts[likely], counts[~likely].sum()]
    expected = [*joint[likely], joint[~likely].sum()]
    if expected[-1] == 0:
        assert observed.pop() == 0
        expected.pop()
    assert chisquare(observed, np.array(expected) * num_draws).pvalue > 1e-3
