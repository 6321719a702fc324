"""What z3 decides, and that it stops."""

import time

import pytest

from rlsr.logic import entails, equivalent, parse_formula


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        ("∀x (P(x) → Q(x))", "¬∃x (P(x) ∧ ¬Q(x))", True),
        ("∀x (P(x))", "∃x (P(x))", False),
        ("P(a) ⊕ Q(a)", "P(a) ↔ ¬Q(a)", True),
        ("Rain → Wet", "¬Wet → ¬Rain", True),
        ("a = b", "b = a", True),
        ("P(f(a))", "P(a)", False),
    ],
)
def test_equivalence(first: str, second: str, answer: bool) -> None:
    assert equivalent(parse_formula(first), parse_formula(second)) is answer


def test_entailment_has_a_direction() -> None:
    everyone, someone = parse_formula("∀x (P(x))"), parse_formula("∃x (P(x))")
    assert entails(everyone, someone) is True
    assert entails(someone, everyone) is False


def test_the_clock_stops_what_has_no_end() -> None:
    # Has only infinite models: a strict order without a last element.
    order = parse_formula(
        "∀x ∀y ∀z (R(x, y) ∧ R(y, z) → R(x, z)) ∧ ∀x (¬R(x, x)) ∧ ∀x ∃y (R(x, y)) ∧ ∀x ∀y (f(x) = f(y) → x = y) "
        "∧ ∃y ∀x (f(x) ≠ y)"
    )
    started = time.monotonic()
    answer = entails(order, parse_formula("∃x ∃y (f(x) = y ∧ R(f(y), g(x, y)) ∧ ¬R(g(y, x), f(x)))"), timeout_s=0.2)  # fmt: skip
    assert answer in {None, False}
    assert time.monotonic() - started < 20
