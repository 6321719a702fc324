"""The paper's score, by hand."""

import numpy as np
import pytest

from formulas import SynonymEmbedder
from rlsr.config.logic import LiteralEvaluation
from rlsr.logic import literal_evaluation_scores, parse_formula


def score(text: str, reference: str, settings: LiteralEvaluation | None = None) -> float:
    pair = (parse_formula(text), parse_formula(reference))
    embedder = SynonymEmbedder({"Feline(tom)": "Cat(tom)"})
    return float(literal_evaluation_scores([pair], embedder, settings or LiteralEvaluation())[0])


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("P(a)", "P(a)", 1),
        ("P(a)", "¬P(a)", 0),
        ("∀x (P(x))", "∃x (P(x))", 1),
        ("P(x)", "Q(x)", 1),
        ("Q(a) → P(a)", "P(a) → Q(a)", 0.5),
        ("P(a) ∧ Q(a)", "P(a) → Q(a)", 0.5),
        # P and Q are bound; S is a dummy. P & Q & S differs from P & Q in one row of eight.
        ("P(a) ∧ Q(a) ∧ S(a)", "P(a) ∧ Q(a)", 0.875),
        # Both take P, and either may keep it: P against P & Q differs in one row of four.
        ("P(a)", "P(a) ∧ Q(a)", 0.75),
        ("Feline(tom) ∧ Old(tom)", "Cat(tom) ∧ Old(tom)", 1),
        ("a = b", "a ≠ b", 0),
    ],
)
def test_known_scores(text: str, reference: str, expected: float) -> None:
    assert score(text, reference) == expected


def test_the_threshold_discards_what_is_not_close() -> None:
    strict = LiteralEvaluation(min_cosine=0.6)
    assert score("P(x)", "Q(x)", strict) == 0
    assert score("P(x) ∧ Q(x)", "P(x) ∧ Q(x)", strict) == 1


@pytest.mark.parametrize(
    ("text", "lifted"),
    [
        (" ∧ ".join(["P(a)"] * 7), {"max_ands": None}),
        (" ∨ ".join(["P(a)"] * 7), {"max_ors": None}),
        ("P(" + "a" * 200 + ")", {"max_characters": None}),
        (" ⊕ ".join(f"P{place}(a)" for place in range(13)), {"max_literals": 13}),
    ],
)
def test_beyond_the_limits_is_unscored(text: str, lifted: dict[str, int | None]) -> None:
    assert np.isnan(score(text, text))
    settings = LiteralEvaluation.model_validate({"max_characters": None, **lifted})
    assert score(text, text, settings) == 1


def test_what_could_not_be_read_is_unscored() -> None:
    formula = parse_formula("P(a)")
    scores = literal_evaluation_scores([(None, formula), (formula, None)], SynonymEmbedder())
    assert np.isnan(scores).all()
    assert literal_evaluation_scores([], SynonymEmbedder()).shape == (0,)
