"""What holds for words, their order and sentences of any two texts."""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.embeddings import Encoding
from rlsr.rewards.lexical import f_scores
from rlsr.rewards.matches import (
    longest_common_subsequence,
    order_matches,
    sentence_matches,
    sentences,
    word_matches,
)

# Few words and marks, so that texts share something; and anything at all, lone surrogates included.
few = st.text(alphabet="ab .\n1", max_size=24)
texts = (few | st.text(st.characters(), max_size=20)).filter(lambda text: bool(text.strip()))
items = st.lists(st.sampled_from("abcd"), max_size=12)
unit = st.floats(min_value=0, max_value=1)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)?", text.casefold()) or [text.strip()]


def encode(texts: Sequence[str]) -> Encoding:
    """Count the letters a, b and others; lengths are far from 1."""
    rows = [(text.count("a"), text.count("b"), len(text)) for text in texts]
    vectors = np.array(rows, dtype=np.float32).reshape(-1, 3)
    return Encoding(vectors=vectors, truncated=np.zeros(len(texts), dtype=np.bool_))


def cosine(one: str, other: str) -> float:
    left, right = encode([one, other]).vectors.astype(np.float64)
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


@settings(deadline=None, max_examples=300)
@given(items, items)
def test_the_longest_common_subsequence_is_that_of_the_recursion(
    first: list[str], second: list[str]
) -> None:
    @cache
    def longest(left: int, right: int) -> int:
        if left == 0 or right == 0:
            return 0
        if first[left - 1] == second[right - 1]:
            return 1 + longest(left - 1, right - 1)
        return max(longest(left - 1, right), longest(left, right - 1))

    assert longest_common_subsequence(first, second) == longest(len(first), len(second))


@settings(deadline=None, max_examples=200)
@given(texts, texts)
def test_words_are_counted_as_often_as_both_texts_have_them(response: str, reference: str) -> None:
    ours, theirs = words_of(response), words_of(reference)
    left = list(theirs)
    common = 0
    for word in ours:
        if word in left:
            left.remove(word)
            common += 1
    precision, recall = word_matches([response], [reference])
    assert precision.item() == pytest.approx(common / len(ours))
    assert recall.item() == pytest.approx(common / len(theirs))


@settings(deadline=None, max_examples=200)
@given(texts, texts)
def test_words_in_order_are_at_most_the_words(response: str, reference: str) -> None:
    for in_order, anyhow in zip(
        order_matches([response], [reference]), word_matches([response], [reference]), strict=True
    ):
        assert 0 <= in_order.item() <= anyhow.item() <= 1


@settings(deadline=None, max_examples=200)
@given(texts, texts)
def test_sentences_take_their_nearest_partner(response: str, reference: str) -> None:
    precision, recall = sentence_matches([response], [reference], encode, encode)
    ours, theirs = sentences(response), sentences(reference)
    best = [max(cosine(one, other) for other in theirs) for one in ours]
    back = [max(cosine(one, other) for one in ours) for other in theirs]
    assert precision.item() == pytest.approx(np.mean(best), abs=2e-6)
    assert recall.item() == pytest.approx(np.mean(back), abs=2e-6)


@settings(deadline=None, max_examples=200)
@given(texts)
def test_a_visible_text_is_equal_to_itself(text: str) -> None:
    found = [
        *word_matches([text], [text]),
        *order_matches([text], [text]),
        *sentence_matches([text], [text], encode, encode),
    ]
    assert np.concatenate(found) == pytest.approx(1)


@settings(deadline=None, max_examples=200)
@given(texts, texts)
def test_precision_of_one_side_is_recall_of_the_other(one: str, other: str) -> None:
    def both(response: str, reference: str) -> list[float]:
        pair = [response], [reference]
        matches = [word_matches(*pair), order_matches(*pair), sentence_matches(*pair, encode, encode)]  # fmt: skip
        return [float(side.item()) for found in matches for side in found]

    there, back = both(one, other), both(other, one)
    assert there == pytest.approx([back[place ^ 1] for place in range(len(back))])


@settings(deadline=None, max_examples=200)
@given(texts)
def test_sentences_hold_everything_that_has_letters_or_digits(text: str) -> None:
    found = sentences(text)
    assert found
    assert all(sentence in text for sentence in found)
    kept = [character for sentence in found for character in sentence if character.isalnum()]
    assert kept == [character for character in text if character.isalnum()]


@settings(deadline=None, max_examples=200)
@given(unit, unit, unit, unit, st.floats(min_value=0.1, max_value=10))
def test_an_f_score_lies_between_both_and_never_falls_when_one_rises(
    precision: float, recall: float, other: float, another: float, weight: float
) -> None:
    def f_score(one: float, two: float) -> float:
        return float(f_scores((np.array([one]), np.array([two])), weight).item())

    found = f_score(precision, recall)
    assert min(precision, recall) - 1e-12 <= found <= max(precision, recall) + 1e-12
    assert f_score(max(precision, other), max(recall, another)) >= found - 1e-12


def test_what_the_encoder_fails_on_is_unscored() -> None:
    def broken(texts: Sequence[str]) -> Encoding:
        vectors = np.full((len(texts), 3), np.nan, dtype=np.float32)
        return Encoding(vectors=vectors, truncated=np.zeros(len(texts), dtype=np.bool_))

    matches = sentence_matches(["One. Two."], ["Three."], broken, encode)
    assert np.isnan(matches).all()
    assert np.isnan(f_scores(matches, 1.5)).all()


def test_nothing_is_encoded_where_there_is_nothing() -> None:
    def never(texts: Sequence[str]) -> Encoding:
        raise AssertionError(texts)

    assert [len(side) for side in sentence_matches([], [], never, never)] == [0, 0]
