"""What is measured on formulas."""

import math

import pytest

from rlsr.evaluation.metrics.formulas import proved_equivalence, share_parsed
from rlsr.logic import Formula, parse_formula

REFERENCE = "∀x (Cat(x) → Animal(x))"


def read(text: str | None) -> Formula | None:
    return None if text is None else parse_formula(text)


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        (REFERENCE, REFERENCE, 1),
        ("∀y (Cat(y) → Animal(y))", REFERENCE, 1),
        ("∀x (¬Animal(x) → ¬Cat(x))", REFERENCE, 1),
        ("¬∃z (¬Animal(z) ∧ Cat(z))", REFERENCE, 1),
        ("∀x (Animal(x) → Cat(x))", REFERENCE, 0),
        ("∃x (Cat(x) → Animal(x))", REFERENCE, 0),
        ("∀x (Feline(x) → Animal(x))", REFERENCE, 0),
        (None, REFERENCE, 0),
        (REFERENCE, None, math.nan),
        (None, None, math.nan),
    ],
)
def test_equivalence_is_proved(
    response: str | None, reference: str | None, expected: float
) -> None:
    found = proved_equivalence([(read(response), read(reference))])
    assert found == pytest.approx([expected], nan_ok=True)


def test_what_is_not_decided_is_unscored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlsr.evaluation.metrics.formulas.equivalent", lambda *_: None)
    pairs = [(read("P(a)"), read("P(b)")), (read("P(a)"), read("P(a)")), (None, read("P(a)"))]
    # What is the same formula needs no prover, and what is none is no proof's business.
    assert proved_equivalence(pairs) == pytest.approx([math.nan, 1, 0], nan_ok=True)


def test_the_share_that_is_a_formula() -> None:
    assert share_parsed([read("P(a)"), None, read("Q(b)")]).tolist() == [1, 0, 1]
