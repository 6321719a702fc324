"""What counts as a verdict: nothing else than what was asked for."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.judge import JudgeReward
from rlsr.config.remote import ChatEndpoint
from rlsr.remote import Answer
from rlsr.rewards.judge.verdicts import CAUSES, last_object, verdict_of

ENDPOINT = ChatEndpoint(url="http://h/v1", model="m")


def judge(**settings: Any) -> JudgeReward:
    return JudgeReward(endpoint=ENDPOINT, **settings)


def read(text: str | None, *, is_cut: bool = False, **settings: Any) -> float | str:
    verdict = verdict_of(judge(**settings), Answer(text, is_cut=is_cut))
    assert (verdict.value is None) != (verdict.cause is None)
    found: float | str | None = verdict.cause if verdict.value is None else verdict.value
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"reasons": "fine", "score": 7}', 7.0),
        ('  {"score": 0.5, "more": [1]}\n', 0.5),
        ('{"score": 0}', 0.0),
        ('{"score": 10}', 10.0),
        ('{"score": 10.001}', "out_of_range"),
        ('{"score": -1}', "out_of_range"),
        ('{"score": 1e999}', "out_of_range"),
        ('{"score": ' + "9" * 400 + "}", "out_of_range"),
        ('{"score": "7"}', "no_verdict"),
        ('{"score": true}', "no_verdict"),
        ('{"score": null}', "no_verdict"),
        ('{"score": NaN}', "no_verdict"),
        ('{"score": Infinity}', "no_verdict"),
        ('{"score": [7]}', "no_verdict"),
        ('{"points": 7}', "no_verdict"),
        ("[7]", "no_verdict"),
        ("7", "no_verdict"),
        ("", "no_verdict"),
        ('Sure! {"score": 7}', "no_verdict"),
        ("{" * 50_000, "no_verdict"),
        ("[" * 100_000, "no_verdict"),
        (None, "unanswered"),
    ],
)
def test_a_score_is_one_number_of_one_object(text: str | None, expected: float | str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Let me see. {"score": 3} No: ```json\n{"reasons": "{\\"score\\": 9}", "score": 7}\n```', 7.0),
        ('{"score": 7} is my verdict {or not', 7.0),
        ('{"reasons": {"score": 1}, "score": 7}', 7.0),
        ('{"score": 7, "parts": {"score": 1}}', 7.0),
        ('{"score": 7} {"note": 1}', "no_verdict"),
        ("The score is 7.", "no_verdict"),
        ("{" * 5_000 + '{"score": 7}', 7.0),
        ("", "no_verdict"),
    ],
)  # fmt: skip
def test_of_a_text_the_last_object_counts(text: str, expected: float | str) -> None:
    assert read(text, answers="text") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"better": 1}', 1.0),
        ('{"better": 2}', 0.0),
        ('{"better": 0}', 0.5),
        ('{"better": 3}', "no_verdict"),
        ('{"better": 1.0}', "no_verdict"),
        ('{"better": true}', "no_verdict"),
        ('{"better": "1"}', "no_verdict"),
        ('{"better": [1]}', "no_verdict"),
        ('{"score": 1}', "no_verdict"),
    ],
)
def test_of_two_answers_one_or_neither_is_better(text: str, expected: float | str) -> None:
    assert read(text, mode="pairwise") == expected


def test_what_was_cut_is_no_verdict_even_where_it_reads_like_one() -> None:
    assert read('{"score": 7}', is_cut=True) == "verdict_cut"
    assert read(None, is_cut=True) == "unanswered"


@given(st.text(max_size=60), st.sampled_from(["json_schema", "text"]), st.sampled_from(["pointwise", "pairwise"]))  # fmt: skip
def test_any_text_is_a_verdict_or_a_cause(text: str, answers: str, mode: str) -> None:
    found = read(text, answers=answers, mode=mode)
    assert found in CAUSES or (isinstance(found, float) and math.isfinite(found))


_NO_BRACES = st.text(max_size=30).filter(lambda text: "{" not in text)
_OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.integers() | st.text(max_size=8),
        lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@given(st.lists(st.tuples(_NO_BRACES, _OBJECTS), min_size=1, max_size=4), _NO_BRACES)
def test_the_last_object_is_found_whatever_stands_around_it(
    parts: list[tuple[str, dict[str, Any]]], rest: str
) -> None:
    text = "".join(before + json.dumps(found) for before, found in parts) + rest
    assert last_object(text) == parts[-1][1]
