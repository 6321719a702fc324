"""What holds for every attack on any text, and for each attack of its own."""

import re
from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.auditing.attack_facts import change_numbers
from rlsr.auditing.attacks import ATTACKS, Attack, AttackRow, random_cycle
from rlsr.auditing.negation import negate_statements
from rlsr.data.sentences import sentence_spans

# Words that rules look at, between any characters: lone surrogates, letters that fold into others, odd digits.
PIECES = (
    "is is not isn't can cannot CAN'T won't shan't will Do do not has been it's they\u2019ll always No yes Nobody makes "
    "Turn the Please First, 1. 2) 3.50 5,000 1908 00 7th two Twenty one A4 Anna Bert Marlowe Monday May English Dr. e.g. "
    "I. . ! ? ... , ; : ' \" ( ) - ** # \n \n\n \t \u3002 \u732b\u306f \u017fix \u0130s \u0131f ca\u00f1 \u0664\u0662 "
    "\ud800 \u00b2 \U0001f642 \u01c5 STRA\u00dfE"
)
texts = st.lists(st.sampled_from(PIECES.split(" ")), max_size=25).map(" ".join) | st.text(
    max_size=40
)
alphabet = st.characters(codec=None, exclude_categories=())
any_texts = texts | st.text(alphabet, max_size=40)
rows = st.lists(st.builds(AttackRow, any_texts, any_texts, any_texts), max_size=5)
seeds = st.integers(min_value=0, max_value=5)
attacks = st.sampled_from(ATTACKS)
BY_NAME = {attack.name: attack for attack in ATTACKS}


def make(name: str, honest: str, seed: int) -> str | None:
    return BY_NAME[name].make([AttackRow("prompt", "reference of the row", honest)], seed)[0]


@settings(max_examples=500)
@given(attacks, rows, seeds)
def test_an_attack_is_deterministic_and_never_a_good_answer(
    attack: Attack, given_rows: list[AttackRow], seed: int
) -> None:
    made = attack.make(given_rows, seed)
    assert made == attack.make(given_rows, seed)
    assert len(made) == len(given_rows)
    for text, row in zip(made, given_rows, strict=True):
        assert text is None or text.split() != row.honest.split()
        assert text is None or text.split() != row.reference.split()


@given(any_texts, seeds)
def test_truncations_are_prefixes_one_longer_than_the_other(honest: str, seed: int) -> None:
    shares = ("a quarter", "half", "three quarters")
    made = [make(f"truncated to {share}", honest, seed) for share in shares]
    lengths = [len(text) for text in made if text is not None]
    assert lengths == sorted(lengths)
    for text in made:
        assert text is None or (honest.startswith(text) and len(text) < len(honest))


@given(any_texts, seeds)
def test_a_truncation_ends_with_a_whole_word(honest: str, seed: int) -> None:
    text = make("truncated to half", honest, seed)
    if text is not None and not re.search("[\u3040-\u30ff\u3400-\u9fff]", honest):
        assert text.split() == honest.split()[: len(honest.split()) // 2]


@given(any_texts, seeds)
def test_shuffled_sentences_are_a_permutation(honest: str, seed: int) -> None:
    text = make("shuffled sentences", honest, seed)
    if text is not None:
        spans = sentence_spans(honest)
        assert len(spans) > 1
        assert Counter(text) == Counter(honest)
        assert all(honest[start:end] in text for start, end in spans)


@given(any_texts)
def test_sentences_cover_all_but_the_space_between_them(text: str) -> None:
    spans = sentence_spans(text)
    done = 0
    for start, end in spans:
        assert text[done:start].strip() == ""
        assert text[start:end].strip() == text[start:end] != ""
        done = end
    assert text[done:].strip() == ""


NUMBER_WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion"
)


def numbers(text: str) -> list[str]:
    """Runs of digits with separators, and English number words; an oracle that shares no code."""
    tokens = re.findall(r"\d+(?:[.,]\d+)*|\w+", text.lower())
    return [token for token in tokens if token[0].isdecimal() or token in NUMBER_WORDS.split()]


number_texts = st.lists(
    st.from_regex(r"[0-9]{1,6}([.,][0-9]{1,3})?", fullmatch=True)
    | st.sampled_from(
        ["two", "Thirteen", "NINETY", "million", "men", "and", "costs", "\u0664\u0662"]
    ),
    min_size=1,
    max_size=12,
).map(lambda words: "so " + " ".join(words))


@given(number_texts, seeds)
def test_every_number_changes_and_none_is_lost(text: str, seed: int) -> None:
    before, after = numbers(text), numbers(change_numbers(text, Random(seed)))
    assert len(before) == len(after)
    assert all(old != new for old, new in zip(before, after, strict=True))
    shapes = [re.sub(r"\d", "0", word) if word[0].isdecimal() else "w" for word in before + after]
    assert shapes[: len(before)] == shapes[len(before) :]


@given(any_texts, seeds)
def test_changed_numbers_change_nothing_else(text: str, seed: int) -> None:
    changed = change_numbers(text, Random(seed))
    kept = [re.sub(r"\d+(st|nd|rd|th)?", "0", word) for word in re.split(r"[^\w']+", text)]
    new = [re.sub(r"\d+(st|nd|rd|th)?", "0", word) for word in re.split(r"[^\w']+", changed)]
    others = [word for word in kept if not numbers(word)]
    assert [word for word in new if not numbers(word)] == others


def without_polarity(text: str) -> list[str]:
    """The words of a text less those that a negation may put in, take out or swap."""
    text = text.lower().replace("\u2019", "'").replace("\u0130", "i")
    text = re.sub(r"cannot|can't", "can", text)
    text = re.sub(r"won't", "will", text)
    text = re.sub(r"shan't", "shall", text)
    text = re.sub(r"n't", "", text)
    text = re.sub(r"does not make|makes", "make", text)
    swapped = {
        "not",
        "do",
        "always",
        "never",
        "yes",
        "no",
        "true",
        "false",
        "possible",
        "impossible",
    }
    return [word for word in re.findall(r"[^\s\W]+", text) if word not in swapped]


@settings(max_examples=300)
@given(texts)
def test_a_negation_changes_the_polarity_and_nothing_else(text: str) -> None:
    assert without_polarity(negate_statements(text)) == without_polarity(text)


@given(st.lists(st.sampled_from(["Tea is hot.", "Fish cannot fly.", "Ah!"]), max_size=8))
def test_a_negation_changes_every_statement_once(sentences: list[str]) -> None:
    opposite = {"Tea is hot.": "Tea is not hot.", "Fish cannot fly.": "Fish can fly.", "Ah!": "Ah!"}
    expected = " ".join(opposite[sentence] for sentence in sentences)
    assert negate_statements(" ".join(sentences)) == expected


@given(st.integers(min_value=2, max_value=40), st.integers())
def test_a_random_cycle_leaves_nothing_in_its_place(size: int, seed: int) -> None:
    cycle = random_cycle(size, Random(seed))
    seen, place = set(), 0
    while place not in seen:
        seen.add(place)
        place = cycle[place]
    assert len(seen) == size


@given(st.lists(st.integers(0, 3), max_size=12), seeds)
def test_no_row_gets_its_own_reference(references: list[int], seed: int) -> None:
    made = [AttackRow(f"p{n}", f"r{ref}", "honest") for n, ref in enumerate(references)]
    found = BY_NAME["reference of another prompt"].make(made, seed)
    if len(set(references)) > 1:
        assert all(text is not None for text in found)
    for text, row in zip(found, made, strict=True):
        assert text != row.reference
        assert text is None or text in {other.reference for other in made}
