"""Overlap in letters and numbers, by hand."""

import time

import numpy as np
import pytest

from rlsr.rewards.lexical import character_overlap, number_agreement, numbers, words


def overlap(response: str, reference: str, recall_weight: float = 1.5) -> float:
    (found,) = character_overlap([response], [reference], recall_weight).tolist()
    return float(found)


def agreement(response: str, reference: str) -> float:
    (found,) = number_agreement([response], [reference]).tolist()
    return float(found)


# --- character n-grams --------------------------------------------------------------------------


def test_an_overlap_by_hand() -> None:
    # " ab " of " abc ": order 3 shares " ab" of 2 and 3; order 4 nothing of 1 and 2; order 5 nothing of 1, and the
    # response has none; the reference has no order 6.
    precision, recall = (1 / 2 + 0 + 0) / 3, (1 / 3 + 0 + 0) / 3
    for weight in (0.5, 1.0, 1.5, 2.0):
        below = weight**2 * precision + recall
        expected = (1 + weight**2) * precision * recall / below
        assert overlap("ab", "abc", weight) == pytest.approx(expected)


def test_an_ngram_counts_as_often_as_the_other_text_has_it() -> None:
    # " aaaa " and " aa aa " share " aa" and "aa "; of the two "aaa" of the first the other has none.
    precision, recall = (2 / 4 + 0 + 0 + 0) / 4, (2 / 5 + 0 + 0 + 0) / 4
    expected = (1 + 2.25) * precision * recall / (2.25 * precision + recall)
    assert overlap("aaaa", "aa aa") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("response", "reference"),
    [
        ("The CAT sat.", "the cat  sat"),
        ("- the\n- cat\n- sat", "The cat sat!"),
        ("**Straße**", "STRASSE"),
        ("don't", "Don't."),
        ("!?!", "!?!"),
        ("é 🙂", "É"),
    ],
)
def test_case_punctuation_and_layout_do_not_count(response: str, reference: str) -> None:
    assert overlap(response, reference) == overlap(reference, response) == 1.0


@pytest.mark.parametrize(
    ("response", "reference"),
    [("", "the cat"), ("the cat", ""), ("", ""), (" \n", "\t"), ("xyz", "abc"), ("!!", "abc")],
)
def test_nothing_in_common_is_0(response: str, reference: str) -> None:
    assert overlap(response, reference) == 0.0


def test_recall_counts_more_than_precision_by_its_weight() -> None:
    short, full = "the cat", "the cat sat on the mat"
    assert overlap(full, short, 3) > overlap(full, short, 1.5) > overlap(full, short, 0.5)
    assert overlap(short, full, 3) < overlap(short, full, 1.5) < overlap(short, full, 0.5)


def test_filler_costs() -> None:
    reference = "Paris is the capital of France and has two million inhabitants."
    filler = " I hope this helps, and please let me know if you would like any further details."
    assert overlap(reference + filler, reference) < overlap(reference, reference)
    half = "Paris is the capital of France."
    assert overlap(half + filler, reference) < overlap(half, reference)


def test_the_order_of_words_counts() -> None:
    reference = "the dog bit the man in the park"
    assert overlap("the man bit the dog in the park", reference) < 1
    assert overlap("park the in man the bit dog the", reference) < overlap(
        "the man bit the dog in the park", reference
    )


def test_texts_without_a_partner_are_refused() -> None:
    for measure in (character_overlap, number_agreement):
        with pytest.raises(ValueError, match="zip"):
            measure(["a", "b"], ["a"])
        assert measure([], []).shape == (0,)


def test_a_reference_of_many_letters_is_compared_exactly() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    assert overlap(text, text) == 1.0
    assert 0.49 < overlap(text[:2500], text, 1) < 0.99
    assert overlap(text[::-1], text) == 0.0


def test_a_response_of_200_words_takes_less_than_2_ms() -> None:
    random = np.random.default_rng(0)
    vocabulary = ["".join(random.choice(list("abcdefgh"), 5)) for _ in range(500)]
    texts = [" ".join(random.choice(vocabulary, 200)) for _ in range(72)]
    responses, references = texts[:64], [text for text in texts[64:] for _ in range(8)]
    seconds = []
    for _ in range(3):
        start = time.process_time()
        character_overlap(responses, references)
        number_agreement(responses, references)
        seconds.append(time.process_time() - start)
    assert min(seconds) / 64 < 0.002


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", set()),
        ("none", set()),
        ("1,000.50 or 1000.5", {"1000.5"}),
        ("7.0, 7 and 007", {"7"}),
        ("0, 0.0 and 00", {"0"}),
        ("0.25", {".25"}),
        ("It was 1,000, then 3.", {"1000", "3"}),
        ("in 2024-05", {"2024", "5"}),
        ("costs $12.50", {"12.5"}),
        ("1. Take 3 eggs\n2) Add 4\nStep 5: 6 minutes", {"3", "4", "6"}),
        ("  10. ten", set()),
        ("The answer is 10. Yes", {"10"}),
        ("10", {"10"}),
        ("10.", {"10"}),
    ],
)
def test_numbers_in_one_spelling_without_list_markers(text: str, found: set[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        ("none", "nothing", 1.0),
        ("12 and 7", "7 or 12", 1.0),
        ("12 12 12", "12", 1.0),
        ("1,000.50", "1000.5", 1.0),
        ("none", "12", 1 / 2),
        ("12", "none", 1 / 2),
        ("12", "21", 1 / 3),
        ("12 and 7", "12 and 8", 3 / 5),
        ("1 2 3 4", "5 6 7 8", 1 / 9),
    ],
)
def test_an_agreement_by_hand(response: str, reference: str, expected: float) -> None:
    assert agreement(response, reference) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["\n" * 20_000, " " * 20_000, "1" * 20_000, "1," * 10_000])
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    numbers(text)
    words(text)
    assert time.process_time() - start < 1


# --- words --------------------------------------------------------------------------------------


def test_words_are_folded_and_bare() -> None:
    assert words("Don't -- stop, *Straße* 2x!") == ["don't", "stop", "strasse", "2x"]
