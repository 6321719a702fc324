"""What judges are asked is what the authors of the suites publish, to the letter."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.evaluation.suites.judged.questions import filled, published

# Of the prompts as they stand in alpaca_eval 0.6.6, arena-hard-auto and FastChat, as sorted JSON.
PUBLISHED = {
    "alpaca_eval": "6ea484fda3722cb2d0217405845a0de46d47dd5e9774a26753eed5590ed63f99",
    "arena_hard": "e2544979ba8f74fd53fb74bfe3d77422116e495ff75ed455c3b7833adc10d0f9",
    "mt_bench": "5458ef772defa8076adbd1ebf9cf4e64e0e20264663e8b9989a9c91371a7ee33",
}


@pytest.mark.parametrize(("name", "digest"), PUBLISHED.items())
def test_prompts_are_those_of_the_authors(name: str, digest: str) -> None:
    text = json.dumps(published(name), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@given(
    st.dictionaries(st.sampled_from(["a", "b", "ab"]), st.text("{}ab\\1", max_size=8), min_size=1)
)
def test_each_text_comes_once_and_as_it_is(texts: dict[str, str]) -> None:
    marks = {name: f"<{name}>" for name in texts}
    template = "".join(f"{mark}{{{name}}}{{other}}" for name, mark in marks.items())
    expected = "".join(f"{mark}{texts[name]}{{other}}" for name, mark in marks.items())
    assert filled(template, texts) == expected
