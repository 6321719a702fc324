"""A bound on a prompt's tokens is never too low, and is taken only where it is within the budget."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.model import ModelConfig
from rlsr.data.record import Message
from rlsr.errors import DataError
from rlsr.models import PromptLengths, load_tokenizer, prompt_ids, reference_lengths


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    """The tokenizer of the tiny policy: bytes, and a few words."""
    return load_tokenizer(ModelConfig(name=str(tiny_model)))


@pytest.fixture(scope="module")
def lengths(tokenizer: Any) -> PromptLengths:
    """Counts prompts by it."""
    return PromptLengths(tokenizer)


conversations = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant", "system"]), st.text(max_size=40)),
    min_size=1,
    max_size=3,
)


@given(conversations, st.integers(1, 400))
def test_the_budget_is_kept_to_the_token(
    tokenizer: Any, lengths: PromptLengths, prompt: list[Message], budget: int
) -> None:
    exact = len(prompt_ids(tokenizer, prompt))
    found = lengths.count_within(prompt, budget)
    assert (found <= budget) == (exact <= budget)
    assert found >= exact
    assert found == exact or found <= budget
    assert lengths.count([prompt]) == [exact]


def test_short_prompts_need_no_tokenizer(
    tokenizer: Any, lengths: PromptLengths, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths.count_within([Message("user", "the cat")], 100)
    monkeypatch.setattr(PromptLengths, "count", None)
    assert 7 < lengths.count_within([Message("user", "a longer text " * 5)], 200) <= 200


def test_what_normalising_makes_longer_counts_as_long(lengths: PromptLengths) -> None:
    """U+FDFA is 3 bytes, and 33 once it is normalised by NFKC."""
    wide = lengths.count_within([Message("user", "\ufdfa" * 10)], 10_000)
    assert wide >= 330


def test_a_template_that_looks_at_what_is_said_is_always_asked(tokenizer: Any) -> None:
    looking = _with_template(tokenizer, "{% for m in messages %}{{ m['content'] * 2 }}{% endfor %}")
    prompt = [Message("user", "the cat")]
    assert PromptLengths(looking).count_within(prompt, 10_000) == len(prompt_ids(looking, prompt))


def test_a_template_that_refuses_a_role_refuses_the_prompt(tokenizer: Any) -> None:
    strict = _with_template(
        tokenizer,
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}{{ messages[0]['content'] }}",
    )
    prompts = PromptLengths(strict)
    with pytest.raises(DataError, match="No system role"):
        prompts.count_within([Message("system", "a"), Message("user", "b")], 100)
    assert prompts.count_within([Message("user", "b")], 100) <= 100


def test_references_are_counted_with_their_end(tokenizer: Any) -> None:
    assert reference_lengths(tokenizer, ["", "the", "the cat"]) == [1, 2, 3]


def _with_template(tokenizer: Any, template: str) -> Any:
    import copy

    other = copy.copy(tokenizer)
    other.chat_template = template
    return other
