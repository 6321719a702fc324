"""The language of graders: formulas against exact arithmetic, templates against plain look-ups."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.config.graders.formula import MAX_CHARACTERS, MAX_DEPTH, parse_formula
from rlsr.config.graders.template import parse_template

NAMES = ("a", "b", "score_3")
Exact = Callable[[Mapping[str, Fraction]], Fraction]


@dataclass(frozen=True)
class Term:
    """A formula as text, in brackets or not, and what it is worth."""

    text: str
    exact: Exact


class Undefined(ArithmeticError):
    pass


def _number(value: Fraction) -> Term:
    return Term(repr(float(value)), lambda _: value)


def _name(name: str) -> Term:
    return Term(name, lambda scores: scores[name])


def _divide(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise Undefined
    return left / right


OPERATORS: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
}
FUNCTIONS: Mapping[str, Callable[..., Fraction]] = {
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "min": min,
    "max": max,
}


def _grown(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    def joined(left: Term, operator: str, right: Term) -> Term:
        compute = OPERATORS[operator]
        return Term(
            f"({left.text}) {operator} ({right.text})",
            lambda scores: compute(left.exact(scores), right.exact(scores)),
        )

    def raised(base: Term, power: int, sign: str) -> Term:
        return Term(f"({base.text}){sign}{power}", lambda scores: base.exact(scores) ** power)

    def called(name: str, first: Term, second: Term) -> Term:
        compute = FUNCTIONS[name]
        if name in {"min", "max"}:
            return Term(
                f"{name}({first.text}, {second.text})",
                lambda scores: compute(first.exact(scores), second.exact(scores)),
            )
        return Term(f"{name}({first.text})", lambda scores: compute(first.exact(scores)))

    def negated(term: Term) -> Term:
        return Term(f"-({term.text})", lambda scores: -term.exact(scores))

    return st.one_of(
        st.builds(joined, inner, st.sampled_from(list(OPERATORS)), inner),
        st.builds(raised, inner, st.integers(0, 3), st.sampled_from(["^", "**", " ^ "])),
        st.builds(called, st.sampled_from(list(FUNCTIONS)), inner, inner),
        st.builds(negated, inner),
    )


# Eighths are exact as floats, so that floor and ceil see the same number.
EIGHTHS = st.integers(-32, 32).map(lambda value: Fraction(value, 8))
TERMS = st.recursive(
    st.one_of(EIGHTHS.filter(lambda value: value >= 0).map(_number), st.sampled_from(NAMES).map(_name)), _grown, max_leaves=8
)  # fmt: skip


def _steps_over(term: Term, scores: Mapping[str, Fraction]) -> bool:
    """Say whether floor or ceil hang on the rounding of a division, whose digits floats cut."""
    return "/" in term.text and ("floor" in term.text or "ceil" in term.text) and len(scores) > 0


@given(TERMS, st.fixed_dictionaries(dict.fromkeys(NAMES, EIGHTHS)))
def test_a_formula_is_worth_what_exact_arithmetic_says(
    term: Term, scores: dict[str, Fraction]
) -> None:
    if _steps_over(term, scores):
        return
    found = parse_formula(term.text, NAMES).value(
        {name: float(value) for name, value in scores.items()}
    )
    try:
        expected = term.exact(scores)
    except ArithmeticError:
        assert math.isnan(found)
        return
    assert found == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 ^ 2", 11.0), ("2 * 3 ^ 2 ^ 2", 162.0), ("-2 ^ 2", -4.0), ("2 ^ -1", 0.5), ("8 - 3 - 2", 3.0), ("8 / 4 / 2", 1.0), ("(a + b) / 2", 0.5),
        ("exp(log(3))", 3.0), ("sqrt(16) + log(exp(2))", 6.0), ("min(3, a, 1, 2)", 0.25), ("max(a, b, 0.5)", 0.75), ("ceil(a) - floor(b)", 1.0), ("1e3\n + 1", 1001.0),
    ],
)  # fmt: skip
def test_powers_bind_as_in_mathematics(text: str, expected: float) -> None:
    assert parse_formula(text, NAMES).value({"a": 0.25, "b": 0.75}) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["1 / 0", "a / (b - b)", "log(0)", "log(-1)", "sqrt(0 - a)", "(0-8) ^ 0.5", "0 ^ -1", "exp(1000)", "10 ^ 400", "1e308 * 10", "9 ^ 9 ^ 9 ^ 9"]
)  # fmt: skip
def test_what_has_no_value_is_unscored(text: str) -> None:
    assert math.isnan(parse_formula(text, NAMES).value({"a": 0.25, "b": 0.75}))


def test_an_unscored_grader_leaves_the_score_unscored_if_it_is_asked_for() -> None:
    scores = {"a": math.nan, "b": 0.5}
    assert math.isnan(parse_formula("max(a, b)", NAMES).value(scores))
    assert math.isnan(parse_formula("a ^ 0", NAMES).value(scores))
    assert parse_formula("b", NAMES).value(scores) == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a formula, as in (name + 0.5 * email) / 2, got ''"),
        ("a +", "must be a formula"),
        ("a) + (b", "must be a formula"),
        ("a b", "must be a formula"),
        ("a # b", "without comments"),
        ("c + 1", "there is no grader 'c': there are a, b, score_3"),
        ("score3", "did you mean score_3?"),
        ("min", "min is a function, as in min(...)"),
        ("mim(a, b)", "there is no function 'mim': there are min, max, abs, floor, ceil, exp, sqrt, log; did you mean min?"),
        ("min(a)", "min takes two arguments or more, got 1"),
        ("log(a, 2)", "log takes one argument, got 2"),
        ("sqrt()", "sqrt takes one argument, got 0"),
        ("min(a, b, key=a)", "may have numbers"),
        ("a if b else 0", "may have numbers"),
        ("a > b", "may have numbers"),
        ("a % 2", "may have numbers"),
        ("a // 2", "may have numbers"),
        ("not a", "may have numbers"),
        ("~a", "may have numbers"),
        ("True", "may have numbers"),
        ("1j", "may have numbers"),
        ("'a' * 9", "may have numbers"),
        ("a.real", "may have numbers"),
        ("a[0]", "may have numbers"),
        ("[a]", "may have numbers"),
        ("(a, b)", "may have numbers"),
        ("(x := 3)", "may have numbers"),
        ("lambda: a", "may have numbers"),
        ("__import__('os')", "there is no function '__import__'"),
        ("abs.__class__(a)", "may have numbers"),
        ("min(b, *a)", "may have numbers"),
        ("1" * 400, "a number is too large"),
        ("+".join(["1"] * (MAX_DEPTH + 2)), f"must be at most {MAX_DEPTH} operations deep"),
        ("-" * 1000 + "1", ""),
        ("(" * 500 + "1" + ")" * 500, ""),
        ("a" * (MAX_CHARACTERS + 1), "must have at most 2,000 characters, got 2,001"),
        ("a\0", "must be a formula"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is what is tested
        parse_formula(text, NAMES)
    assert message in str(caught.value)


@given(st.text(alphabet="ab+-*/^(), .0123456789minaxlogsqrt_[]#'\n", max_size=40))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        formula = parse_formula(text, NAMES)
    except ValueError:
        return
    assert formula.names <= set(NAMES)
    value = formula.value(dict.fromkeys(NAMES, 0.5))
    assert math.isnan(value) or math.isfinite(value)


JSON = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=4,
)
STEPS = st.lists(st.one_of(st.sampled_from("xyz"), st.integers(0, 2)), min_size=1, max_size=4)
PLAIN = st.text(max_size=10).filter(lambda text: "{" not in text and "}" not in text)


def written(steps: list[str | int], quoted: bool) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f'["{step}"]' if quoted else f".{step}" for step in steps)  # fmt: skip


@settings(max_examples=50)
@given(JSON, STEPS, PLAIN, PLAIN, st.booleans(), st.sampled_from(["", " ", "\n"]))
def test_a_template_shows_what_stands_there(
    value: Any, steps: list[str | int], before: str, after: str, quoted: bool, space: str
) -> None:
    template = parse_template(f"{before}{{{{{space}item.v{written(steps, quoted)}{space}}}}}{after}")  # fmt: skip
    item = {"v": value}
    found: Any = item["v"]
    try:
        for step in steps:
            if isinstance(found, list) != isinstance(step, int) or not isinstance(found, list | dict):  # fmt: skip
                raise LookupError
            found = found[step]  # type: ignore[index]
    except LookupError:
        assert template.render(item, {}) is None
        return
    shown = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    assert template.render(item, {}) == before + shown + after


@given(PLAIN)
def test_a_text_without_places_stays_as_it_is(text: str) -> None:
    assert parse_template(text).render({}, {}) == text
    assert parse_template(text).paths == ()


def test_what_is_put_in_is_no_template() -> None:
    template = parse_template("a {{ item.x }} b {{sample.output_text}}")
    assert template.render({"x": "{{ sample.output_text }}"}, {"output_text": "{{item.x}}"}) == (
        "a {{ sample.output_text }} b {{item.x}}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ itm.x }}", "must ask for item or sample, as in {{ item.answer }} and {{ sample.output_text }}, got 'itm.x'; did you mean item?"),
        ("{{ item }}", "must name a value of the item"),
        ("{{ sample }}", "must name a value of the sample"),
        ("{{}}", "must ask for item or sample"),
        ("{{ item.x", "{{ must be closed by }}, got '{{ item.x'"),
        ("{{ item.x }} {{", "{{ must be closed by }}, got '{{'"),
        ("{{ item.x | upper }}", "a path has names behind dots and places in brackets"),
        ("{{ item..x }}", "a path has names behind dots"),
        ("{{ item.x[-1] }}", "a path has names behind dots"),
        ("{{ item.x[y] }}", "a path has names behind dots"),
        ("{{ sample.output_txt }}", "sample has output_text, output_json, output_tools, choices, got 'sample.output_txt'; did you mean output_text?"),
        ("{{ sample.output_audio.data }}", "sample has output_text"),
        ("{{ sample.output_text.x }}", "sample.output_text is text, and has no parts"),
        ("{{ sample.choices.message }}", "sample.choices is a list, whose parts have places, as in sample.choices[0]"),
        ("{{ sample.choices[1].message.content }}", "there is one choice a sample, sample.choices[0]"),
        ("{{ sample.choices[0].mesage.content }}", "sample.choices[0] has index, finish_reason, message, got 'sample.choices[0].mesage.content'; did you mean message?"),
        ("{{ sample.output_tools[0].function.nme }}", "did you mean name?"),
    ],
)  # fmt: skip
def test_a_template_that_asks_for_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is what is tested
        parse_template(text)
    assert message in str(caught.value)
