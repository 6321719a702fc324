"""Both ways of answering conversations say the same, and the right one is taken."""

from pathlib import Path

import pytest
import torch

from families import UNSUPPORTED, make_policy
from rlsr.config.model import ModelConfig
from rlsr.data.record import Message
from rlsr.models import Policy, load_policy, prompt_ids
from rlsr.models.generate import Response, generate_responses, stop_ids
from tiny import WORDS

CONVERSATIONS = [
    (Message(role="user", content=" ".join(WORDS[:number])),) for number in (9, 1, 4, 2, 6)
]


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")


@pytest.fixture
def one_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the policy is taken for a supported one."""
    monkeypatch.setattr("rlsr.forward.support.check_support", lambda _: request.param)


def answer(policy: Policy) -> list[list[Response]]:
    return generate_responses(
        policy, CONVERSATIONS, max_response_tokens=20, batch_size=2, temperature=0.0
    )


def often(policy: Policy) -> int:
    """A token that the policy likes, for an end that some answers reach."""
    ids = torch.tensor([prompt_ids(policy.tokenizer, CONVERSATIONS[1])])
    output = policy.model.generate(input_ids=ids, max_new_tokens=8, do_sample=False)
    return int(output[0, -1])


both_ways = pytest.mark.parametrize("one_way", [None, "reason"], indirect=True)


@both_ways
@pytest.mark.usefixtures("one_way")
def test_greedy_responses_are_those_of_one_prompt_alone(policy: Policy) -> None:
    stops = [*stop_ids(policy), often(policy)]
    policy.model.generation_config.eos_token_id = stops
    found = answer(policy)
    cut = []
    for conversation, (response,) in zip(CONVERSATIONS, found, strict=True):
        ids = torch.tensor([prompt_ids(policy.tokenizer, conversation)])
        output = policy.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=20,
            do_sample=False,
            eos_token_id=stops,
        )[0, ids.shape[1] :].tolist()
        assert response.text == policy.tokenizer.decode(output, skip_special_tokens=True)
        assert response.was_cut == (output[-1] not in stops)
        cut.append(response.was_cut)
    policy.model.generation_config.eos_token_id = policy.tokenizer.eos_token_id
    assert len(set(cut)) == 2, "the test should see both"


@both_ways
@pytest.mark.usefixtures("one_way")
def test_groups_progress_and_mode(policy: Policy) -> None:
    done: list[tuple[int, int]] = []
    policy.model.train()
    torch.manual_seed(0)
    groups = generate_responses(
        policy,
        CONVERSATIONS,
        num_generations=3,
        max_response_tokens=6,
        batch_size=7,
        temperature=1.0,
        on_progress=lambda *counts: done.append(counts),
    )
    assert policy.model.training
    policy.model.eval()
    assert [len(group) for group in groups] == [3] * 5
    assert len({response.text for group in groups for response in group}) > 5
    assert done == [(2, 5), (4, 5), (5, 5)]


@both_ways
@pytest.mark.usefixtures("one_way")
def test_no_conversations_no_responses(policy: Policy) -> None:
    assert not generate_responses(policy, [], max_response_tokens=4, batch_size=2, temperature=0.0)


def test_policies_that_cannot_share_a_pass_answer_too(policy: Policy) -> None:
    settings = {**UNSUPPORTED["mistral"], "vocab_size": len(policy.tokenizer)}
    other = Policy(make_policy("mistral", settings), policy.tokenizer, "nowhere")
    assert len(answer(other)) == len(CONVERSATIONS)


def sample(policy: Policy, numbers: list[int], *, batch_size: int) -> list[list[Response]]:
    """Two seeded answers to some of the conversations; each keeps its seeds."""
    return generate_responses(
        policy,
        [CONVERSATIONS[number] for number in numbers],
        num_generations=2,
        max_response_tokens=12,
        batch_size=batch_size,
        temperature=1.0,
        seeds=[(7, 2 * number + row) for number in numbers for row in range(2)],
    )


def test_a_seeded_answer_does_not_depend_on_what_is_written_beside_it(policy: Policy) -> None:
    together = sample(policy, [0, 1, 2, 3, 4], batch_size=10)
    assert sample(policy, [0, 1, 2, 3, 4], batch_size=2) == together
    assert sample(policy, [3, 0], batch_size=10) == [together[3], together[0]]
    assert together[0][0] != together[0][1]


@both_ways
@pytest.mark.usefixtures("one_way")
def test_seeds_repeat_answers_and_leave_the_generator_alone(policy: Policy) -> None:
    before = torch.get_rng_state()
    first = sample(policy, [0, 1, 2], batch_size=4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert sample(policy, [0, 1, 2], batch_size=4) == first
