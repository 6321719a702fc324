"""The system prompt of a run is found in the prompts that it was measured on."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.chat.system_prompt import SystemPrompts, system_prompts
from rlsr.data.record import Message, PromptRecord

TEXTS = st.text(min_size=1).filter(lambda text: "\n\nuser: " not in text)


def prompt(*turns: Message) -> str:
    return PromptRecord("1", turns, "reference", "line 1").prompt


@settings(max_examples=30)
@given(TEXTS, st.lists(st.text(), min_size=1))
def test_what_all_prompts_begin_with_is_found(system: str, questions: list[str]) -> None:
    prompts = [prompt(Message("system", system), Message("user", one)) for one in questions]
    assert system_prompts(prompts) == SystemPrompts(system, 1)


@settings(max_examples=30)
@given(st.lists(st.text().filter(lambda text: not text.startswith("system: "))))
def test_prompts_without_one_have_none(questions: list[str]) -> None:
    assert system_prompts(prompt(Message("user", one)) for one in questions) == SystemPrompts(None, 0)  # fmt: skip


def test_earlier_turns_are_no_part_of_it() -> None:
    turns = [
        Message("system", "Be brief."),
        *(Message("user", "a"), Message("assistant", "b"), Message("user", "c")),
    ]
    assert system_prompts([prompt(*turns)]) == SystemPrompts("Be brief.", 1)


def test_several_are_counted_and_none_is_taken() -> None:
    several = [prompt(Message("system", text), Message("user", "q")) for text in ("a", "b", "a")]
    assert system_prompts(several) == SystemPrompts(None, 2)
    assert system_prompts([several[0], "q"]) == SystemPrompts(None, 1)
