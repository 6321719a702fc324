"""Answers in texts, case by case."""

from fractions import Fraction

import pytest

from rlsr.answers import places
from rlsr.answers.choices import read_choice
from rlsr.answers.numbers import Decimal, find_numbers, read_number, same_number
from rlsr.answers.schemas import NoJson, find_json, fits_schema, schema_mistake


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so\n#### 18", "18"), ("#### 1\n#### 18 \n bye", "18"), ("####\n\n 18\nbye", "18"), ("18", None), ("####  ", None), ("", None),
    ],
)  # fmt: skip
def test_what_stands_behind_a_mark(text: str, answer: str | None) -> None:
    assert places.behind(text, "####") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer>5</answer>", "5"), ("<answer>4</answer> no <answer> 5\n</answer>.", "5"), ("<answer>4</answer><answer>5", "4"), ("</answer><answer>", None),
        ("<answer></answer>", None), ("<answers>5</answers>", None), ("<answer>a<answer>b</answer>", "b"),
    ],
)  # fmt: skip
def test_what_stands_in_a_tag(text: str, answer: str | None) -> None:
    assert places.inside_tag(text, "answer") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{5}", "5"), (r"\boxed{4}, no: \boxed{\frac{1}{2}}.", r"\frac{1}{2}"), (r"\boxed{4} \boxed{5", "4"), (r"\boxed{\{1\}}", r"\{1\}"),
        (r"\boxed{}", None), (r"\boxed 5", None), ("{5}", None),
    ],
)  # fmt: skip
def test_what_is_boxed(text: str, answer: str | None) -> None:
    assert places.boxed(text) == answer


def test_the_last_line_is_the_last_with_anything_on_it() -> None:
    assert places.last_line("a\n b \n\n \t\n") == "b"
    assert places.last_line(" \n") is None
    assert places.whole("\n a b ") == "a b"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("$1,234.50 a year", ["1234.5"]), ("\u22125", ["-5"]), ("-$5 or $-6", ["-5", "-6"]), ("16-3 and f(2)-1", ["16", "3", "2", "1"]), ("- 5 eggs", ["5"]),
        ("1e3, 1.5E-3", ["1000", "0.0015"]), ("3/4 or 1 1/2 or 1\u00bd or \u00be", ["3/4", "3/2", "3/2", "3/4"]), (r"-\frac{3}{4} and 2\frac{1}{2}", ["-3/4", "5/2"]),
        ("1,2", ["1", "2"]), ("12,345,678", ["12345678"]), ("1\u202f000", ["1000"]), ("1'000'000", ["1000000"]), ("x2 R2D2", []), ("5 m\u00b2 or 5km", ["5", "5"]),
        ("\u0663\u0664 \uff11\uff12", ["34", "12"]), ("5.", ["5"]), (".5", ["0.5"]), ("1/0 or 2/0.0", []), ("1e999999999 " + "9" * 5000, []), (r"\$18 and 1{,}000", ["18", "1000"]),
        ("50%", ["50"]),
    ],
)  # fmt: skip
def test_numbers_are_found_as_people_write_them(text: str, numbers: list[str]) -> None:
    assert [number.value for number in find_numbers(text)] == [Fraction(one) for one in numbers]


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [("9 * 2 = 18", "point", 18), ("18 or 19", "point", None), ("18, so 18", "point", 18), ("1.234,5", "comma", Fraction("1234.5")), ("none", "point", None), ("5 =", "point", 5)],
)  # fmt: skip
def test_a_text_gives_one_number_or_none(
    text: str, decimal: Decimal, number: Fraction | None
) -> None:
    found = read_number(text, decimal)
    assert (found and found.value) == number


def test_a_difference_of_exactly_the_tolerance_is_none() -> None:
    assert same_number(Fraction("0.3"), Fraction("0.2"), absolute=0.1)
    assert not same_number(Fraction("0.3"), Fraction("0.19"), absolute=0.1)
    assert same_number(Fraction(110), Fraction(-100) * -1, relative=0.1)
    assert same_number(Fraction(-110), Fraction(-100), relative=0.1)
    assert not same_number(Fraction("110.01"), Fraction(100), absolute=1, relative=0.1)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("B", "B"), ("(b)", "B"), ("B. Paris", "B"), ("**B) Paris**", "B"), ("The answer is B.", "B"), ("the correct answer is (b)", "B"), ("Answer:\nB", "B"),
        ("The answer is A. No, the answer is B", "B"), (r"so \boxed{B}", "B"), ("I pick (B) here", "B"), ("(B) Paris\nsince (A) is wrong", "B"),
        ("A planet rotates", None), ("The answer is a planet", None), ("The answer is A or B", None), ("Answer: (A), (B)", None), ("(A) and (B)", None), ("A's", None), ("", None),
        ("The answer is option C", "C"), ("it is Paris", "D"), ("it is Paris, Texas", "E"), ("Paris or Rome", None),
    ],
)  # fmt: skip
def test_a_choice_is_read_or_none(text: str, label: str | None) -> None:
    options = {"D": "Paris", "E": "Paris, Texas", "C": "Rome"}
    assert read_choice(text, "ABCDE", options) == label


def test_an_option_is_itself_to_the_sign() -> None:
    options = {"A": "-1", "B": "+1", "C": "true stems", "D": "rr", "E": "RR"}
    labels = [*"ABCDE", "true"]
    assert [read_choice(f" {text}\n", labels, options) for text in options.values()] == [*"ABCDE"]
    assert read_choice("it is 1", labels, options) is None


def test_labels_of_several_characters_need_no_case() -> None:
    labels = ["answer1", "answer12", "true"]
    assert read_choice("the correct answer is Answer12", labels) == "answer12"
    assert read_choice("it is TRUE I think", labels) == "true"
    assert read_choice("untrue", labels) is None


BLOCK = 'Here:\n```json\n{"a": 1}\n```\nor\n```\n{"a": "x"}\n```\nbye'


def test_json_stands_in_the_last_block_or_is_the_whole() -> None:
    assert find_json(BLOCK, "any") == find_json(BLOCK, "fenced") == {"a": "x"}
    assert find_json(" [1] ", "any") == find_json("[1]", "whole") == [1]


@pytest.mark.parametrize(
    ("text", "place"),
    [(BLOCK, "whole"), ("[1]", "fenced"), ("", "any"), ("NaN", "any"), ("-Infinity", "any"), (" -1e99918", "any"), ('{"a": 1, "a": 2}', "any"), ("[" * 100_000, "any"), ("{'a': 1}", "any"), ("1 2", "any")],
)  # fmt: skip
def test_what_is_no_json_is_none(text: str, place: str) -> None:
    with pytest.raises(NoJson):
        find_json(text, place)  # type: ignore[arg-type]
    assert fits_schema(text, place, {}) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schema", "mistake"),
    [
        (3, "must be an object, or true or false, got int"), ({"type": "integr"}, "type: 'integr' is not valid"), ({"properties": {"a": {"minimum": "x"}}}, "properties/a/minimum"),
        ({"$ref": "https://example.org/x"}, "nothing is fetched"), ({"$ref": "other.json"}, "nothing is fetched"), ({"$ref": "#/$defs/a"}, "leads nowhere"), ({"$ref": "#"}, "without end"),
        ({"$schema": "https://example.org/draft"}, r"\$schema: must be a draft that is known"), ({"items": {"pattern": "("}}, "items/pattern: '\\(' is not a 'regex'|no regular expression"),
    ],
)  # fmt: skip
def test_a_mistake_of_a_schema_is_named(schema: object, mistake: str) -> None:
    found = schema_mistake(schema)
    assert found is not None
    assert __import__("re").search(mistake, found), found


@pytest.mark.parametrize(
    "schema",
    [{}, True, {"type": "object"}, {"$defs": {"a": {"type": "integer"}}, "items": {"$ref": "#/$defs/a"}}, {"enum": [{"$ref": "elsewhere"}]}, {"$schema": "http://json-schema.org/draft-07/schema#"}, {"properties": {"kids": {"items": {"$ref": "#"}}}}],
)  # fmt: skip
def test_a_right_schema_is_taken(schema: object) -> None:
    assert schema_mistake(schema) is None
