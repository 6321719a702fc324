"""The repetition rule is exact for any text, any threshold and any hash."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rlsr.config.reward import RepetitionConfig
from rlsr.rewards import repetition
from rlsr.rewards.repetition import (
    breaks_repetition_rule,
    longest_repeat,
    repeated_spans,
    repeats_longer_than,
    shares_longer_than,
)

# Few characters, so that passages do come back: ASCII, astral, and both halves of a surrogate pair.
texts = st.text(alphabet="ab\x00🙂\ud800\udc00\U00010000", max_size=30)
few = st.text(alphabet="ab", max_size=30)
lengths = st.integers(min_value=0, max_value=30)


def occurs_twice(text: str, window: int) -> bool:
    """Whether some passage is found again one place later or further on; overlaps count."""
    return any(
        text.find(text[start : start + window], start + 1) >= 0
        for start in range(len(text) - window + 1)
    )


def occurs_in_both(first: str, second: str, window: int) -> bool:
    return any(first[start : start + window] in second for start in range(len(first) - window + 1))


@settings(deadline=None, max_examples=300)
@given(texts | few, lengths)
def test_repeats_are_found_exactly(text: str, length: int) -> None:
    assert repeats_longer_than(text, length) == occurs_twice(text, length + 1)


@settings(deadline=None, max_examples=300)
@given(texts | few)
@example("")
@example("a")
@example("aaaa")
def test_the_longest_repeat_is_found_exactly(text: str) -> None:
    expected = max((size for size in range(1, len(text)) if occurs_twice(text, size)), default=0)
    assert longest_repeat(text) == expected


@settings(deadline=None, max_examples=300)
@given(texts | few, texts | few, lengths)
@example("ab", "bab", 1)
def test_shared_passages_are_found_exactly(first: str, second: str, length: int) -> None:
    assert shares_longer_than(first, second, length) == occurs_in_both(first, second, length + 1)


@settings(deadline=None, max_examples=100)
@given(few, lengths, st.sampled_from([(7, 11), (2, 3), (5, 5), (1, 1)]))
def test_colliding_hashes_change_no_result(text: str, length: int, moduli: tuple[int, int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repetition, "_MODULI", moduli)
        assert repeats_longer_than(text, length) == occurs_twice(text, length + 1)


@settings(deadline=None, max_examples=100)
@given(few, few, lengths, st.sampled_from([(7, 11), (2, 3), (5, 5), (1, 1)]))
@example("ab", "bab", 1, (7, 11))
def test_colliding_hashes_change_no_result_between_texts(
    first: str, second: str, length: int, moduli: tuple[int, int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repetition, "_MODULI", moduli)
        found = shares_longer_than(first, second, length)
    assert found == occurs_in_both(first, second, length + 1)


@settings(deadline=None, max_examples=100)
@given(few, st.text(max_size=5), st.text(max_size=5), lengths)
def test_more_text_around_a_repeat_does_not_hide_it(
    text: str, before: str, after: str, length: int
) -> None:
    found = repeats_longer_than(text, length)
    assert repeats_longer_than(before + text + after, length) >= found


@settings(deadline=None, max_examples=100)
@given(few, few, st.text(max_size=5), lengths)
@example("ab", "ab", "x", 1)
def test_more_text_around_a_shared_passage_does_not_hide_it(
    first: str, second: str, around: str, length: int
) -> None:
    found = shares_longer_than(first, second, length)
    assert shares_longer_than(second, first, length) == found
    assert shares_longer_than(first, around + second, length) >= found


@settings(deadline=None, max_examples=200)
@given(
    few,
    few,
    st.integers(min_value=0, max_value=60),
    st.integers(min_value=1, max_value=10),
    # Exact binary fractions, so that share times length is exact and the rule can be read literally.
    st.integers(min_value=0, max_value=16).map(lambda sixteenths: sixteenths / 16),
)
def test_a_passage_counts_when_it_is_longer_than_both_bounds(
    prompt: str, response: str, reference_length: int, characters: int, share: float
) -> None:
    rule = RepetitionConfig(min_characters=characters, min_reference_share=share)
    expected = any(
        window > characters and window > share * reference_length and occurs_twice(response, window)
        for window in range(1, 31)
    )
    assert expected == breaks_repetition_rule(
        rule, prompt=prompt, response=response, reference="r" * reference_length
    )


@settings(deadline=None, max_examples=300)
@given(
    texts | few,
    texts | few,
    st.integers(1, 8),
    st.sampled_from(["response", "prompt_and_response"]),
)
def test_the_places_are_those_of_the_longest_passage_that_breaks_the_rule(
    response: str, prompt: str, shortest: int, between: str
) -> None:
    rule = RepetitionConfig.model_validate(
        {"min_characters": shortest, "min_reference_share": 0, "between": between}
    )
    spans = repeated_spans(rule, prompt=prompt, response=response, reference="")
    broken = breaks_repetition_rule(rule, prompt=prompt, response=response, reference="")
    assert bool(spans) == broken
    # An independent search: every passage, the longest first.
    passages = {
        response[i:j] for i in range(len(response)) for j in range(i + 1, len(response) + 1)
    }

    def counts(passage: str) -> bool:
        if between == "prompt_and_response":
            return passage in prompt
        return response.find(passage, response.find(passage) + 1) >= 0

    longest = max((len(p) for p in passages if counts(p)), default=0)
    covered = {
        place
        for passage in passages
        if broken and len(passage) == longest and counts(passage)
        for start in range(len(response))
        if response.startswith(passage, start)
        for place in range(start, start + longest)
    }
    assert covered == {place for start, end in spans for place in range(start, end)}
    assert all(one[1] < other[0] for one, other in pairwise(spans))
