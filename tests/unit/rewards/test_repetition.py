"""Long repeated passages, against a slow and obvious search."""

import random
import time

import pytest

from rlsr.config.reward import RepetitionConfig
from rlsr.rewards import repetition
from rlsr.rewards.repetition import (
    breaks_repetition_rule,
    repeated_spans,
    repeats_longer_than,
    shares_longer_than,
)

ALPHABETS = {
    "one letter": "a",
    "two letters": "ab",
    "four letters": "abcd",
    "accents": "eé\u0301",
    "astral": "🙂🙃a",
    "lone surrogates": "\ud800\udc00\U00010000",
    "ends of the code space": "\x00\U0010ffff\uffff",
}


def longest_repeat(text: str) -> int:
    """Length of the longest passage at two places, by extending every pair of places."""
    longest = 0
    for first in range(len(text)):
        for second in range(first + 1, len(text)):
            length = 0
            while second + length < len(text) and text[first + length] == text[second + length]:
                length += 1
            longest = max(longest, length)
    return longest


def longest_shared(first: str, second: str) -> int:
    """Length of the longest passage of both texts, by looking for every passage of the first."""
    passages = (
        first[start:end] for start in range(len(first)) for end in range(start + 1, len(first) + 1)
    )
    return max((len(passage) for passage in passages if passage in second), default=0)


def distinct(count: int, first: int = 0x4E00) -> str:
    """A text in which no character occurs twice."""
    return "".join(map(chr, range(first, first + count)))


def random_text(rng: random.Random, alphabet: str, most: int) -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(0, most)))


def test_the_slow_search_itself() -> None:
    assert longest_repeat("banana") == 3
    assert longest_repeat("aaaa") == 3
    assert longest_repeat("abc") == longest_repeat("") == 0
    assert longest_shared("abcde", "xbcdx") == 3
    assert longest_shared("abc", "xyz") == longest_shared("", "a") == 0


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_repeats_are_those_of_the_slow_search(alphabet: str) -> None:
    rng = random.Random(0)
    for _ in range(60):
        text = random_text(rng, alphabet, 24)
        longest = longest_repeat(text)
        found = [repeats_longer_than(text, length) for length in range(26)]
        assert found == [length < longest for length in range(26)], ascii(text)


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_shared_passages_are_those_of_the_slow_search(alphabet: str) -> None:
    rng = random.Random(1)
    for _ in range(60):
        first, second = random_text(rng, alphabet, 16), random_text(rng, alphabet, 16)
        longest = longest_shared(first, second)
        found = [shares_longer_than(first, second, length) for length in range(18)]
        assert found == [length < longest for length in range(18)], ascii((first, second))


@pytest.mark.parametrize("moduli", [(7, 11), (2, 3), (1, 1)], ids=str)
def test_colliding_hashes_change_no_result(
    moduli: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repetition, "_MODULI", moduli)
    rng = random.Random(2)
    for _ in range(40):
        text = random_text(rng, "abc", 40)
        longest = longest_repeat(text)
        for length in range(12):
            assert repeats_longer_than(text, length) == (length < longest)


@pytest.mark.parametrize("moduli", [(7, 11), (1, 1)], ids=str)
def test_colliding_hashes_change_no_result_between_texts(
    moduli: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repetition, "_MODULI", moduli)
    rng = random.Random(2)
    for _ in range(40):
        first, second = random_text(rng, "abc", 40), random_text(rng, "abc", 40)
        longest = longest_shared(first, second)
        for length in range(12):
            assert shares_longer_than(first, second, length) == (length < longest)


def test_different_passages_do_collide_under_small_moduli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetition, "_MODULI", (1, 1))
    hashes = repetition._window_hashes("abcdefgh", 3)
    assert len(set(hashes.tolist())) == 1
    assert not repeats_longer_than("abcdefgh", 2)
    assert not shares_longer_than("abcdefgh", "ijklmnop", 2)


def test_overlapping_occurrences_count() -> None:
    assert repeats_longer_than("a" * 102, 100)
    assert not repeats_longer_than("a" * 101, 100)
    assert repeats_longer_than("ab" * 52, 100)


def test_exactly_the_threshold_is_not_penalised_and_one_more_is() -> None:
    passage = distinct(101)
    for length, penalised in ((99, False), (100, False), (101, True)):
        text = f"{passage[:length]}-{passage[:length]}"
        assert (
            breaks_repetition_rule(RepetitionConfig(), prompt="", response=text, reference="short")
            is penalised
        )


@pytest.mark.parametrize(
    ("reference_length", "longest_allowed"),
    [(0, 100), (999, 100), (1000, 100), (1010, 101), (1019, 101), (1020, 102), (2500, 250)],
)
def test_a_tenth_of_a_long_reference_is_allowed(
    reference_length: int, longest_allowed: int
) -> None:
    passage = distinct(longest_allowed + 1)
    for length, penalised in ((longest_allowed, False), (longest_allowed + 1, True)):
        assert (
            breaks_repetition_rule(
                RepetitionConfig(),
                prompt="",
                response=f"{passage[:length]}-{passage[:length]}",
                reference="r" * reference_length,
            )
            is penalised
        )


@pytest.mark.parametrize(
    ("share", "reference_length", "longest_allowed"),
    [(0.25, 41, 10), (0.25, 40, 10), (0.5, 31, 15), (1 / 3, 31, 10), (1.5, 7, 10), (0.0, 99, 8)],
)
def test_a_share_that_is_no_whole_number_of_characters(
    share: float, reference_length: int, longest_allowed: int
) -> None:
    rule = RepetitionConfig(min_characters=8, min_reference_share=share)
    passage = distinct(longest_allowed + 1)
    for length, penalised in ((longest_allowed, False), (longest_allowed + 1, True)):
        assert (
            breaks_repetition_rule(
                rule,
                prompt="",
                response=f"{passage[:length]}-{passage[:length]}",
                reference="r" * reference_length,
            )
            is penalised
        )


@pytest.mark.parametrize("percent", [29, 57, 58])
def test_a_passage_of_exactly_the_share_is_allowed(percent: int) -> None:
    rule = RepetitionConfig(min_characters=1, min_reference_share=percent / 100)
    passage = distinct(percent)
    assert not breaks_repetition_rule(
        rule, prompt="", response=f"{passage}-{passage}", reference="r" * 100
    )


@pytest.mark.parametrize("tens", [101, 103, 107, 333, 999, 4321])
def test_the_default_share_is_exact_where_it_is_a_whole_number(tens: int) -> None:
    passage = distinct(tens, first=0x1F000)
    assert not breaks_repetition_rule(
        RepetitionConfig(), prompt="", response=f"{passage}-{passage}", reference="r" * 10 * tens
    )


def test_a_disabled_rule_finds_nothing() -> None:
    assert not breaks_repetition_rule(
        RepetitionConfig(enabled=False), prompt="", response="a" * 500, reference="r"
    )


def test_a_passage_of_the_prompt_counts_when_the_rule_is_between_the_two() -> None:
    passage = distinct(101)
    across = RepetitionConfig(between="prompt_and_response")
    prompt, response = f"Say it again: {passage}!", f"Well, {passage}."
    assert breaks_repetition_rule(across, prompt=prompt, response=response, reference="r")


def test_each_reading_looks_only_at_its_own_texts() -> None:
    passage = distinct(101)
    within = RepetitionConfig(between="response")
    across = RepetitionConfig(between="prompt_and_response")
    twice, once = f"{passage}-{passage}", f"<{passage}>"
    assert breaks_repetition_rule(within, prompt="", response=twice, reference="r")
    assert not breaks_repetition_rule(across, prompt="", response=twice, reference="r")
    assert breaks_repetition_rule(across, prompt=once, response=once, reference="r")
    assert not breaks_repetition_rule(within, prompt=once, response=once, reference="r")
    assert not breaks_repetition_rule(across, prompt=once, response=passage[:100], reference="r")


@pytest.mark.parametrize(
    "text",
    [
        distinct(16_000, first=0x10000),
        "a" * 16_000,
        "".join(random.Random(3).choices("ab", k=16_000)),
    ],
    ids=["all distinct", "all equal", "random"],
)
def test_a_long_response_takes_milliseconds(text: str) -> None:
    seconds = []
    for _ in range(5):
        start = time.process_time()
        repeats_longer_than(text, 100)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05


@pytest.mark.parametrize(
    ("response", "passages"),
    [
        ("abcdefgh", []),
        ("abcdX abcdY", ["abcd", "abcd"]),
        ("abcd abcd abcd", ["abcd abcd abcd"]),  # occurrences overlap: "abcd abcd" twice
        ("aaaaaaaa", ["aaaaaaaa"]),
        ("abcd12abcd34wxyz56wxyz", ["abcd", "abcd", "wxyz", "wxyz"]),
        ("abcd1abcde2abcde", ["abcde", "abcde"]),
        ("", []),
    ],
)
def test_the_longest_repeated_passage_is_found_with_its_places(
    response: str, passages: list[str]
) -> None:
    rule = RepetitionConfig(min_characters=3)
    spans = repeated_spans(rule, prompt="abcd", response=response, reference="r")
    assert [response[start:end] for start, end in spans] == passages


def test_a_passage_of_the_prompt_is_found_in_the_response() -> None:
    rule = RepetitionConfig(min_characters=3, between="prompt_and_response")
    response = "You asked: what is a cat? A cat is a cat is a cat."
    spans = repeated_spans(rule, prompt="what is a cat", response=response, reference="r")
    assert [response[start:end] for start, end in spans] == ["what is a cat"]
    assert repeated_spans(rule, prompt="", response=response, reference="r") == ()


def test_the_relative_threshold_counts_for_the_places_too() -> None:
    rule = RepetitionConfig(min_characters=1, min_reference_share=0.5)
    found = [
        repeated_spans(rule, prompt="", response="abcd abcd", reference="r" * length)
        for length in (7, 8)
    ]
    assert found == [((0, 4), (5, 9)), ()]
