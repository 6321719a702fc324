"""Prompts found again in training rows: against every place of every text, and what must never change the answer."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rlsr.data.overlap import Passages, learnt, measure_overlap, words_of
from rlsr.data.record import Message, PromptRecord

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=9)
TEXTS = st.lists(WORDS.map(" ".join), max_size=3)
ROWS = st.lists(TEXTS, max_size=5)
NUM_WORDS = st.integers(1, 5)


def shares(one: str, other: str, num_words: int) -> bool:
    """Compare every place with every place."""
    first, second = one.split(), other.split()
    if min(len(first), len(second)) < num_words:
        return bool(first) and first == second
    return any(
        first[i : i + num_words] == second[j : j + num_words]
        for i in range(len(first) - num_words + 1)
        for j in range(len(second) - num_words + 1)
    )


def found_by_brute_force(
    prompts: Sequence[Sequence[str]], texts: Sequence[str], num_words: int
) -> set[int]:
    return {
        place
        for place, own in enumerate(prompts)
        if any(shares(one, other, num_words) for one in own for other in texts)
    }


@given(prompts=ROWS, texts=TEXTS, num_words=NUM_WORDS)
def test_it_finds_what_a_comparison_of_all_places_finds(
    prompts: list[list[str]], texts: list[str], num_words: int
) -> None:
    expected = found_by_brute_force(prompts, texts, num_words)
    assert Passages(prompts, num_words).found_in(texts) == expected


@given(text=st.text(max_size=60), num_words=NUM_WORDS)
def test_a_text_is_found_in_itself_unless_it_has_no_words(text: str, num_words: int) -> None:
    assert Passages([[text]], num_words).found_in([text]) == ({0} if words_of(text) else set())


@given(text=TEXTS.map(" ".join), before=WORDS, after=WORDS, num_words=NUM_WORDS)
def test_a_text_that_is_long_enough_is_found_wherever_it_stands(
    text: str, before: list[str], after: list[str], num_words: int
) -> None:
    around = f"{' '.join(before).upper()} -- {text.upper()}! {' '.join(after)}"
    found = Passages([[text]], num_words).found_in([around])
    assert found == {0} or len(text.split()) < num_words


@given(text=st.text(max_size=40))
def test_words_stay_what_they_are(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert all(word and word.isalnum() for word in words) or not text.isascii()


@given(prompts=ROWS, rows=ROWS, num_words=NUM_WORDS)
def test_counts_are_those_of_prompts_and_of_rows(
    prompts: list[list[str]], rows: list[list[str]], num_words: int
) -> None:
    train = [
        PromptRecord(str(place), (Message("user", " ".join(texts)),), "x", f"rows:{place}")
        for place, texts in enumerate(rows)
    ]
    named = [(f"p{place}", texts) for place, texts in enumerate(prompts)]
    found = measure_overlap(named, train, num_words)
    of_rows = [found_by_brute_force(prompts, learnt(record), num_words) for record in train]
    assert found.prompts == tuple(f"p{place}" for place in sorted(set().union(*of_rows)))
    assert found.num_rows == sum(map(bool, of_rows))
    assert found.num_prompts == len(prompts)
