"""An answer that is watched is the answer that an evaluation gets."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from families import UNSUPPORTED, make_policy
from rlsr.config.model import ModelConfig
from rlsr.data.record import Message
from rlsr.models import Policy, load_policy, prompt_ids
from rlsr.models.generate import generate_responses, stop_ids
from rlsr.models.stream import Written, stream_answer
from tiny import WORDS

QUESTION = (Message("user", " ".join(WORDS[:7])),)


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")


@pytest.mark.parametrize("temperature", [0.0, 0.7, 2.0])
def test_it_is_what_an_evaluation_would_get(policy: Policy, temperature: float) -> None:
    [[whole]] = generate_responses(
        policy, [QUESTION], max_response_tokens=24, batch_size=1, temperature=temperature, seeds=[(3, 0)]
    )  # fmt: skip
    watched = list(
        stream_answer(policy, QUESTION, max_response_tokens=24, temperature=temperature, seed=(3, 0))
    )  # fmt: skip
    assert watched[-1].text == whole.text
    assert watched[-1].ended is not whole.was_cut
    assert [one.num_tokens for one in watched] == list(range(1, len(watched) + 1))
    assert not any(one.ended for one in watched[:-1])


def test_an_end_of_the_policy_ends_it(policy: Policy) -> None:
    ids = torch.tensor([prompt_ids(policy.tokenizer, QUESTION)])
    liked = int(policy.model.generate(input_ids=ids, max_new_tokens=5, do_sample=False)[0, -1])
    before = policy.model.generation_config.eos_token_id
    policy.model.generation_config.eos_token_id = [*stop_ids(policy), liked]
    try:
        watched = list(stream_answer(policy, QUESTION, max_response_tokens=24))
    finally:
        policy.model.generation_config.eos_token_id = before
    assert watched[-1].ended
    assert len(watched) <= 5


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=[] if name in {"gemma2", "mamba"} else pytest.mark.slow)
        for name in sorted(UNSUPPORTED)
    ],
)
def test_architectures_of_every_kind_answer_as_they_generate(family: str, policy: Policy) -> None:
    model = make_policy(family, UNSUPPORTED[family])
    model.generation_config.eos_token_id = None
    # Their vocabulary is small.
    tokens = SimpleNamespace(
        chat_template="",
        eos_token_id=1,
        apply_chat_template=lambda *_, **__: "",
        decode=lambda ids, **_: " ".join(map(str, ids)),
    )
    prompt = [7, 3, 11, 20, 5]

    class Tokenizer:
        def __getattr__(self, name: str) -> Any:
            return getattr(tokens, name)

        def __call__(self, *_: object, **__: object) -> dict[str, list[int]]:
            return {"input_ids": prompt}

    asked = Policy(model, Tokenizer(), family)
    watched = list(stream_answer(asked, QUESTION, max_response_tokens=6))
    ids = torch.tensor([prompt])
    plain = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False, eos_token_id=1
    )[0, len(prompt) :]  # fmt: skip
    assert watched[-1].text == " ".join(map(str, plain.tolist()))


@given(tokens=st.lists(st.integers(3, 312), min_size=1, max_size=12))
@settings(max_examples=25)
def test_half_a_character_waits_for_its_other_half(policy: Policy, tokens: list[int]) -> None:
    """Whatever is written, the last text is all of it, and what was shown on the way is never taken back."""
    watched = watch(policy, tokens)
    assert watched[-1].text == policy.tokenizer.decode(tokens, skip_special_tokens=True)
    for before, after in pairwise(watched):
        assert after.text.startswith(before.text.rstrip("\ufffd")) or "\ufffd" in before.text
    assert not any(one.text.endswith("\ufffd") for one in watched[:-1])


def test_an_emoji_comes_at_once(policy: Policy) -> None:
    tokens = policy.tokenizer("a 🦊", add_special_tokens=False)["input_ids"]
    assert len(tokens) >= 4
    texts = [one.text for one in watch(policy, tokens)]
    assert texts[-1] == "a 🦊"
    assert set(texts) <= {"a", "a ", "a 🦊"}


def watch(policy: Policy, tokens: list[int]) -> list[Written]:
    """Let a policy write these tokens."""
    left = iter(tokens)

    class Model:
        device = torch.device("cpu")
        generation_config = SimpleNamespace(eos_token_id=None)

        def forward(self, input_ids: torch.Tensor, use_cache: bool) -> None:
            """Its arguments are looked at."""

        def __call__(self, input_ids: torch.Tensor, **_: object) -> SimpleNamespace:
            logits = torch.zeros(1, 1, 320)
            logits[0, 0, next(left)] = 1.0
            return SimpleNamespace(logits=logits, past_key_values=None)

    writing = Policy(Model(), policy.tokenizer, "")
    return list(stream_answer(writing, QUESTION, max_response_tokens=len(tokens)))
