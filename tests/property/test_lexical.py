"""What holds for the overlap of any two texts."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.rewards.lexical import character_overlap, number_agreement, numbers

# Few letters, so that texts share something; and anything at all, lone surrogates included.
few = st.text(alphabet="aab B.,\n1", max_size=20)
any_text = st.text(st.characters(), max_size=30)
texts = few | any_text
weights = st.floats(min_value=0.1, max_value=10)


def overlap(response: str, reference: str, weight: float = 1.5) -> float:
    (found,) = character_overlap([response], [reference], weight).tolist()
    return float(found)


def agreement(response: str, reference: str) -> float:
    (found,) = number_agreement([response], [reference]).tolist()
    return float(found)


def line_of(text: str) -> str:
    words = re.findall(r"\w+(?:'\w+)?", text.casefold())
    return f" {' '.join(words) or text.strip()} "


def grams(text: str, order: int) -> Counter[str]:
    line = line_of(text)
    return Counter(line[start : start + order] for start in range(len(line) - order + 1))


def oracle(response: str, reference: str, weight: float) -> float:
    """The definition, with n-grams as strings."""
    precisions, recalls = [], []
    for order in (3, 4, 5, 6):
        ours, theirs = grams(response, order), grams(reference, order)
        if theirs:
            common = (ours & theirs).total()
            precisions.append(common / ours.total() if ours else 0.0)
            recalls.append(common / theirs.total())
    if not any(precisions):
        return 0.0
    precision, recall = (sum(part) / len(part) for part in (precisions, recalls))
    return (1 + weight**2) * precision * recall / (weight**2 * precision + recall)


@settings(deadline=None, max_examples=500)
@given(texts, texts, weights)
def test_the_overlap_is_that_of_the_definition(
    response: str, reference: str, weight: float
) -> None:
    assert overlap(response, reference, weight) == pytest.approx(
        oracle(response, reference, weight), abs=1e-12
    )


@settings(deadline=None, max_examples=200)
@given(texts, texts, weights)
def test_scores_are_bounded(response: str, reference: str, weight: float) -> None:
    assert 0 <= overlap(response, reference, weight) <= 1 + 1e-12
    assert 0 < agreement(response, reference) <= 1


@settings(deadline=None, max_examples=200)
@given(texts.filter(str.strip), weights)
def test_a_visible_text_is_equal_to_itself(text: str, weight: float) -> None:
    assert overlap(text, text, weight) == pytest.approx(1)
    assert agreement(text, text) == 1


@settings(deadline=None, max_examples=200)
@given(texts, texts)
def test_numbers_agree_the_same_from_both_sides(response: str, reference: str) -> None:
    assert agreement(response, reference) == agreement(reference, response)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab cd", min_size=4, max_size=20), st.text(alphabet="ab cd", min_size=4, max_size=20))  # fmt: skip
def test_with_recall_and_precision_weighed_alike_both_sides_are_equal(
    response: str, reference: str
) -> None:
    # Only texts that have all orders: orders are those of the reference.
    if min(len(line_of(response)), len(line_of(reference))) >= 6:
        assert overlap(response, reference, 1) == pytest.approx(overlap(reference, response, 1))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(["cat", "dog", "Tree", "42"]), min_size=1, max_size=8))
def test_case_and_layout_do_not_count(words: list[str]) -> None:
    plain, other = " ".join(words), "\n* ".join(word.upper() for word in words) + " !"
    assert overlap(other, plain) == pytest.approx(1)


@settings(deadline=None, max_examples=200)
@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=99))
def test_the_spelling_of_a_number_does_not_count(whole: int, cents: int) -> None:
    plain = f"{whole}.{cents:02d}" if cents else str(whole)
    assert numbers(f"It costs {whole:,}.{cents:02d} today") == numbers(f"x {plain}")
    assert agreement(f"{whole:,}.{cents:02d}00", plain) == 1


@settings(deadline=None, max_examples=200)
@given(st.sets(st.integers(100, 199), max_size=6), st.integers(200, 299))
def test_a_number_that_the_reference_lacks_costs_and_one_that_it_has_pays(
    found: set[int], other: int
) -> None:
    text = " ".join(map(str, sorted(found)))
    assert agreement(f"{text} {other}", text) < agreement(text, text) == 1
    assert agreement(f"{text} {other}", f"{text} {other}") > agreement(text, f"{text} {other}")


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["river", "house", "moon", "green"]), min_size=2, max_size=6, unique=True))  # fmt: skip
def test_the_more_of_the_reference_the_higher(words: list[str]) -> None:
    reference = " ".join(words)
    scores = [overlap(" ".join(words[:count]), reference) for count in range(1, len(words) + 1)]
    assert scores == sorted(set(scores))
