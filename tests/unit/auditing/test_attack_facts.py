"""Other numbers and other names, in the shape of the old ones."""

import re
from random import Random

import pytest

from rlsr.auditing.attack_facts import change_names, change_numbers, find_names
from rlsr.auditing.attack_texts import FALLBACK_NAMES, NAME_CLASSES


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("It costs 5,000 pounds.", r"It costs [2-9],000 pounds\."),
        ("Pay 3.50 at 5pm.", r"Pay \d\.\d0 at \dpm\."),
        ("In 1908", r"In 1(8[6-9]|9[0-4])\d"),
        ("0 or 00 or 0.05", r"[1-9] or 0[1-9] or 0\.0[2-9]"),
        ("the 1st and 11th", r"the (2nd|3rd) and \d\d(st|nd|rd|th)"),
        ("Seven of TWENTY", r"(Two|Three|Four|Five|Six|Eight|Nine|Ten|Eleven|Twelve) of [A-Z]+TY"),
        ("thirteen hundred", r"\w+teen thousand"),
        ("a million", "a billion"),
        ("two-", "(three|four|five|six|seven|eight|nine|ten|eleven|twelve)-"),
        (
            "forty-six",
            r"(twen|thir|fif|six|seven|eigh|nine)ty-(two|three|four|five|seven|eight|nine)",
        ),
        ("\u0664\u0662", "[\u0662-\u0669][\u0660-\u0669]"),
    ],
)
def test_new_numbers_have_the_shape_of_the_old(text: str, shape: str) -> None:
    seen = {change_numbers(text, Random(seed)) for seed in range(50)}
    assert text not in seen
    assert len(seen) > 1 or shape == "a billion"
    for changed in seen:
        assert re.fullmatch(shape, changed), changed


@pytest.mark.parametrize(
    "text",
    [
        "A4 and H2O and x10",
        "one of them, someone",
        "1. First\n2) Second\nStep 3: Third",
        "often",
        "",
    ],
)
def test_what_only_looks_like_a_number_stays(text: str) -> None:
    assert change_numbers(text, Random(0)) == text


def test_a_number_that_comes_twice_changes_alike() -> None:
    changed = change_numbers("40 and 40 and forty and Forty", Random(3))
    first, second, third, fourth = changed.split(" and ")
    assert first == second != "40"
    assert third == fourth.lower() != "forty"


def test_a_number_without_end_keeps_its_length() -> None:
    digits = "7" * 50_000
    changed = change_numbers(digits, Random(0))
    assert len(changed) == len(digits)
    assert changed != digits


@pytest.mark.parametrize(
    ("text", "context", "names"),
    [
        ("We met Anna and Edith Marlowe.", "", ["Anna", "Edith Marlowe"]),
        ("Anna left. Then Anna's dog left.", "", ["Anna"]),
        ("Anna left.", "I saw Anna there.", ["Anna"]),
        ("Anna left.", "", []),
        ("Jonas Berg scored.", "", ["Jonas Berg"]),
        ("The Beatles played. Add Parmesan.", "", ["Beatles", "Parmesan"]),
        ("Key Points:\nall of it", "", []),
        ("the DNA, McDonald and iPhone", "", []),
        ("on Monday, in May, in English", "", []),
        ("nach \u00c4gypten, von \u0141ukasz", "", ["\u00c4gypten", "\u0141ukasz"]),
    ],
)
def test_which_words_are_names(text: str, context: str, names: list[str]) -> None:
    assert list(find_names(text, context)) == names


def test_names_after_words_for_places_are_places() -> None:
    assert find_names("we saw Anna in Ulm and on the Nile") == {
        "Anna": (1, False),
        "Ulm": (1, True),
        "Nile": (1, True),
    }


def test_names_come_from_the_pool_of_their_kind() -> None:
    pools = {(1, False): ("Otto", "Anna"), (1, True): ("Rome",), (2, False): ("Max Frost",)}
    changed = change_names("We saw Anna with Eve Lind in Ulm; Anna waved.", "", pools, Random(0))
    assert changed == "We saw Otto with Max Frost in Rome; Otto waved."


def test_without_a_pool_the_small_list_takes_over() -> None:
    changed = change_names("We saw Anna with Eve Lind Otter.", "", {}, Random(0))
    match = re.fullmatch("We saw (.+) with (.+)\\.", changed)
    assert match is not None
    assert match[1] in FALLBACK_NAMES
    assert match[2] in FALLBACK_NAMES
    assert [len(name.split()) for name in match.groups()] == [1, 3]


def test_the_row_s_own_names_are_not_used() -> None:
    pools = {(1, False): ("Bert", "Cleo")}
    for seed in range(20):
        changed = change_names("We saw Anna.", "and Bert and Cleo", pools, Random(seed))
        assert changed.removeprefix("We saw ").rstrip(".") in FALLBACK_NAMES


@pytest.mark.parametrize("place", range(len(NAME_CLASSES)))
def test_days_months_and_languages_stay_such(place: int) -> None:
    kind = NAME_CLASSES[place]
    text = "we chose " + ", ".join(kind)
    new = change_names(text, "", {}, Random(1)).removeprefix("we chose ").split(", ")
    assert all(name in kind for name in new)
    assert all(before != after for before, after in zip(kind, new, strict=True))


def test_plural_weekdays_stay_plural() -> None:
    changed = change_names("open on Mondays and on Tuesdays", "", {}, Random(1))
    first, second = re.findall(r"[A-Z]\w+", changed)
    assert first[:-1] in NAME_CLASSES[0]
    assert second[:-1] in NAME_CLASSES[0]
    assert first != second
    assert not {first, second} & {"Mondays", "Tuesdays"}
