"""What the texts of a step look like, on texts written by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.data.record import Message, PromptRecord
from rlsr.engines.rollout_texts import (
    copies_prompt,
    share_alike_across,
    share_alike_within,
    text_metrics,
)
from rlsr.runs.step_metrics import (
    ALIKE_ACROSS,
    ALIKE_WITHIN,
    COPIED,
    LONGEST_REPEAT,
    OVERLAP,
    REPETITIVE,
)

PROMPT = "Explain in one sentence why the sky is blue."
HONEST = "Air scatters short waves of light more than long ones."
OTHER = "Because molecules send blue light into all directions."


def record(prompt: str = PROMPT, *references: str) -> PromptRecord:
    texts = references or (HONEST,)
    return PromptRecord(
        prompt, (Message("user", prompt),), texts[0], "f:1", other_references=texts[1:]
    )


def metrics(*responses: str) -> dict[str, float]:
    return text_metrics([record()] * len(responses), responses)


def test_honest_responses_show_nothing() -> None:
    found = metrics(HONEST, OTHER)
    assert found[REPETITIVE] == found[COPIED] == found[ALIKE_WITHIN] == 0
    assert 0 < found[LONGEST_REPEAT] < 0.2
    assert 0 < found[OVERLAP] < 1
    assert math.isnan(found[ALIKE_ACROSS]), "there is one prompt alone"


def test_a_loop_is_seen_and_a_short_echo_is_not() -> None:
    assert metrics("the moon " * 8)[REPETITIVE] == 1
    assert metrics("no, no, no")[REPETITIVE] == 0
    assert metrics(f"{HONEST} {HONEST}", OTHER)[REPETITIVE] == pytest.approx(0.5)
    assert metrics("", "")[LONGEST_REPEAT] == 0


def test_copying_the_prompt_is_seen_unless_the_reference_does_it() -> None:
    copy = f"{PROMPT[:30]} it is"
    assert copies_prompt(record(), copy)
    assert not copies_prompt(record(), HONEST)
    assert not copies_prompt(record("Repeat"), "Repeat"), "too short to tell"
    assert not copies_prompt(record(PROMPT, HONEST, PROMPT[:-1]), copy), "a task of editing"


def test_the_same_text_within_a_group() -> None:
    assert share_alike_within([[HONEST, f"  {HONEST.upper()}"]]) == 1
    assert share_alike_within([[HONEST, OTHER, HONEST]]) == pytest.approx(1 / 3)
    assert share_alike_within([[HONEST, HONEST], [OTHER, HONEST]]) == pytest.approx(1 / 2)
    assert math.isnan(share_alike_within([["yes", "yes"]])), "short answers are alike by chance"


def test_the_same_answer_to_different_prompts() -> None:
    first, second = record("First?"), record("Second?", OTHER)
    assert share_alike_across([first, second], [HONEST, HONEST]) == 1
    assert share_alike_across([first, second], [HONEST, OTHER]) == 0
    same = record("Second?")
    assert math.isnan(share_alike_across([first, same], [HONEST, HONEST])), "so it is asked for"
    step = text_metrics([first, first, second, second], [HONEST, OTHER, HONEST, HONEST])
    assert step[ALIKE_ACROSS] == 1, "the first response of each"
    assert step[ALIKE_WITHIN] == pytest.approx(1 / 2)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(alphabet="ab c\n", max_size=60), min_size=1, max_size=6))
def test_all_are_shares(responses: list[str]) -> None:
    found = text_metrics([record()] * len(responses), responses)
    assert all(math.isnan(value) or 0 <= value <= 1 for value in found.values())
