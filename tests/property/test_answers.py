"""Whatever stands around an answer, it is found."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rlsr.answers import places
from rlsr.answers.choices import read_choice
from rlsr.answers.numbers import find_numbers, plain, read_number, same_number
from rlsr.answers.schemas import fits_schema, schema_mistake

DECIMALS = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=3)
WORDS = st.text(alphabet="abc xyz.\n", max_size=20)


@given(DECIMALS, st.sampled_from(["{}", "{:,}", "{:+}", "{:.5f}", "{:e}"]), WORDS, WORDS)
def test_a_number_is_read_as_python_writes_it(
    value: Decimal, form: str, before: str, after: str
) -> None:
    written = form.format(value)
    # A number right behind a word or a full stop is a part of that.
    (number,) = find_numbers(f"{before} {written} {after}")
    assert number.value == Fraction(Decimal(written.replace(",", "")))
    assert Fraction(number.text.replace(",", "")) == number.value


@given(st.fractions(-1000, 1000, max_denominator=999))
def test_a_fraction_is_itself_however_it_is_written(value: Fraction) -> None:
    whole, rest = divmod(abs(value), 1)
    sign = "-" if value < 0 else ""
    forms = [str(value), rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"]
    if rest and whole:
        forms.append(f"{sign}{whole} {rest}")
    assert {found.value for form in forms if (found := read_number(f"It is {form}.")) is not None} == {value}  # fmt: skip


@given(st.text())
def test_any_text_has_numbers_or_none(text: str) -> None:
    assert plain(plain(text)) == plain(text) or "\\" in text
    for number in find_numbers(text):
        assert len(str(number.value.numerator)) < 1000
        (again,) = find_numbers(number.text)
        assert again == number


@given(DECIMALS, DECIMALS, st.decimals(0, 10**6, places=3), st.decimals(0, "0.999", places=3))
def test_tolerances_are_exact(a: Decimal, b: Decimal, absolute: Decimal, relative: Decimal) -> None:
    allowed = max(absolute, relative * abs(b))
    found = same_number(
        Fraction(a), Fraction(b), absolute=float(absolute), relative=float(relative)
    )
    assert found == (abs(a - b) <= allowed)


TEXT = st.text(alphabet="ab{}\\ \n<>/#1", max_size=30)


@given(TEXT, st.text(alphabet="ab1 ", min_size=1, max_size=8), st.text(alphabet="ab{<#\n", max_size=8))  # fmt: skip
def test_the_last_place_is_found(before: str, answer: str, after: str) -> None:
    assume(answer.strip())
    assume("\\" not in before[-1:])
    assert places.boxed(f"{before} \\boxed{{{answer}}} {after}") == answer.strip()
    assert places.inside_tag(f"{before}<a>{answer}</a>{after}", "a") == answer.strip()
    assume("=>" not in before + answer + after)
    assert places.behind(f"{before}=>{answer}\n{after}", "=>") == answer.strip()


@given(TEXT)
def test_a_place_is_a_part_of_the_text_or_none(text: str) -> None:
    found = [places.boxed(text), places.inside_tag(text, "a"), places.behind(text, "#"), places.last_line(text)]  # fmt: skip
    assert all(one is None or (one in text and one == one.strip() and one) for one in found)


@given(st.sampled_from("ABCDE"), st.sampled_from(["{}", "({})", "{}.", "The answer is {}.", "Answer: **{}**", "I think\nthe correct answer is option ({})!", "so $\\boxed{{{}}}$"]), st.booleans())  # fmt: skip
def test_a_label_is_read_in_any_usual_form(label: str, form: str, lower: bool) -> None:
    # A small letter alone is a word, unless it is called the answer or stands alone.
    lower = lower and "boxed" not in form
    assert read_choice(form.format(label.lower() if lower else label), "ABCDE") == label


@given(st.text())
def test_any_text_chooses_one_or_none(text: str) -> None:
    assert read_choice(text, "ABCDE", {"A": text[:5], "B": "x"}) in {*"ABCDE", None}


@given(st.lists(st.sampled_from("ABCDE"), min_size=2, max_size=5, unique=True), st.sampled_from([", ", " and ", " or ", "/"]), st.sampled_from(["", "The answer is "]))  # fmt: skip
def test_naming_several_labels_chooses_none(labels: list[str], between: str, start: str) -> None:
    assert read_choice(start + between.join(f"({label})" for label in labels), "ABCDE") is None


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([{}, True, False, {"type": "integer"}, {"type": ["string", "null"]}, {"minimum": 0}, {"enum": [1, "a", None]}, {"pattern": "^a*$"}]),
    lambda inner: st.fixed_dictionaries({"type": st.just("array"), "items": inner})
    | st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("abc"), inner), "required": st.lists(st.sampled_from("abc"), unique=True, max_size=1)})
    | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
    max_leaves=5,
)  # fmt: skip


@given(VALUES, SCHEMAS)
def test_json_fits_as_jsonschema_says(value: Any, schema: Any) -> None:
    assert schema_mistake(schema) is None
    text = json.dumps(value)
    try:
        jsonschema.validate(value, schema, jsonschema.Draft202012Validator)
    except jsonschema.ValidationError:
        expected = False
    else:
        expected = True
    assert fits_schema(text, "any", schema) is expected
    assert fits_schema(f"Look:\n```json\n{text}\n```\n", "any", schema) is expected


@pytest.mark.parametrize("text", ["a" * 20_000, "1," * 10_000, "(" * 20_000, "\\boxed{" * 20_000, "#" * 20_000, "```\n" * 20_000, "A " * 10_000, "-" * 20_000, "1 " * 10_000, "**" * 10_000])  # fmt: skip
def test_long_texts_are_read_in_a_moment(text: str) -> None:
    # Quadratic or worse takes minutes here.
    find_numbers(text)
    read_choice(text, "ABCDE")
    places.inside_tag(text, "a")
    places.boxed(text[:4000])
    fits_schema(text, "any", {})
