"""Scores of pairs whose relation is known."""

import numpy as np
import pytest

from formulas import SynonymEmbedder
from rlsr.config.logic import ModelSampling
from rlsr.logic import equivalent, model_sampling_scores, parse_formula
from rlsr.logic.agreement import chance_corrected_agreement
from rlsr.logic.binding import bind_symbols, encode_names, readable, unmatched_names
from rlsr.logic.interpretations import Interpretations, truth_values
from rlsr.logic.syntax import Symbol

EMBEDDER = SynonymEmbedder({"feline": "cat", "rina": "katharina"})


def score(text: str, reference: str, settings: ModelSampling | None = None) -> float:
    pair = (parse_formula(text), parse_formula(reference))
    return float(model_sampling_scores([pair], EMBEDDER, settings or ModelSampling())[0])


# --- scores -------------------------------------------------------------------------------------

CATS = "∀x (Cat(x) → Animal(x))"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (CATS, CATS),
        ("∀y (Cat(y) → Animal(y))", CATS),
        ("∀x (¬Animal(x) → ¬Cat(x))", CATS),
        ("¬∃x (¬Animal(x) ∧ Cat(x))", CATS),
        ("∀x (Feline(x) → animal(x))", CATS),
        ("Tall(rina) ∧ Old(tom)", "old(Tom) ∧ Tall(katharina)"),
        ("∀x ∀y (R(x, y))", "∀y ∀x (R(x, y))"),
        ("∀x (R(x, x))", "¬∃x (¬R(x, x))"),
        ("mother(tom) = rina", "rina = mother(tom)"),
        ("P(a) ∨ ¬P(a)", "P(a) ∨ ¬P(a)"),
    ],
)
def test_equivalent_formulas_score_one(text: str, reference: str) -> None:
    assert score(text, reference) == 1.0


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("∃x (Cat(x) ∧ Animal(x))", 0.0, 0.3),
        ("∃x (Cat(x) → Animal(x))", -0.1, 0.2),
        ("∀x (Animal(x) → Cat(x))", -0.35, -0.05),
        ("¬∀x (Cat(x) → Animal(x))", -1.0, -0.6),
        ("∀x (Cat(x) → ¬Animal(x))", -0.3, 0.05),
        ("∀x (Cat(x) → Animal(x) ∧ Small(x))", 0.5, 0.9),
        ("∀x (Cat(x) ∧ Small(x) → Animal(x))", 0.4, 0.8),
        ("∀x (Dog(x) → Animal(x))", 0.2, 0.6),
        ("∀x (Dog(x) → Vehicle(x))", 0.0, 0.0),
    ],
)
def test_what_a_change_costs(text: str, low: float, high: float) -> None:
    assert low <= score(text, CATS) <= high


def test_forall_is_not_exists() -> None:
    assert score("∀x (P(x))", "∃x (P(x))") < 0.3


def test_different_individuals_have_nothing_in_common() -> None:
    assert abs(score("Student(tom)", "Student(anna)")) < 0.1


def test_formulas_that_are_nearly_always_true_do_not_look_alike() -> None:
    first = "∃x ∃y (P(x) ∨ Q(y) ∨ ¬S(x))"
    second = "∃x ∃y (S(x) ∨ T(y) ∨ ¬U(y))"
    assert abs(score(first, second)) < 0.15


def test_equivalent_formulas_that_are_hardly_ever_false_score_one() -> None:
    nearly_valid = "∃x ∃y (P(x) ∧ Q(y) ∧ S(x) → R(x, y))"
    assert score("∃x ∃y (¬R(x, y) → ¬(P(x) ∧ Q(y) ∧ S(x)))", nearly_valid) == 1


def test_constant_formulas_say_nothing_of_one_another() -> None:
    assert score("P(a) ∨ ¬P(a)", "Q(a) ∨ ¬Q(a)") == 0
    assert score("P(a) ∨ ¬P(a)", "P(a) → P(a)") == 0
    assert score("P(a) ∨ ¬P(a)", "P(a)") == 0


def test_unread_and_too_large_formulas_are_unscored() -> None:
    good = parse_formula("P(a)")
    large = parse_formula("∀x ∀y ∀z ∀u ∀v ∀w (R(x, y, z, u, v, w))")
    scores = model_sampling_scores(
        [(None, good), (good, None), (large, good), (large, large), (good, good)], EMBEDDER
    )
    assert np.isnan(scores[:4]).all()
    assert scores[4] == 1


def test_a_batch_scores_as_its_pairs_do_and_encodes_once() -> None:
    embedder = SynonymEmbedder()
    texts = ["P(a)", "¬P(a)", "Q(a)", "P(a) ∧ Q(a)"]
    pairs = [(parse_formula(text), parse_formula("P(a)")) for text in texts]
    batch = model_sampling_scores(pairs, embedder)
    assert len(embedder.calls) == 1
    single = [model_sampling_scores([pair], SynonymEmbedder())[0] for pair in pairs]
    assert batch.tolist() == single
    assert model_sampling_scores([], embedder).shape == (0,)


def test_the_seed_decides() -> None:
    texts = ("∀x (P(x))", "∃x (P(x))")
    scores = {score(*texts, ModelSampling(seed=seed)) for seed in (1, 2, 3)}
    assert len(scores) == 3
    assert score(*texts, ModelSampling(seed=1)) in scores


# --- agreement ----------------------------------------------------------------------------------


def test_agreement_by_hand() -> None:
    first = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=np.bool_)
    second = np.array([1, 0, 0, 0, 1, 1, 0, 0], dtype=np.bool_)
    # Strata of four: p = (1/2, 1/4), q = (1/4, 1/2), r = (1/4, 1/4).
    expected = 2 * (1 / 4 - 1 / 8) * 2 / (2 * (1 / 2 * 3 / 4 + 1 / 4 * 1 / 2))
    assert chance_corrected_agreement(first, second, 2) == pytest.approx(expected)


def test_agreement_that_the_stratum_explains_is_none() -> None:
    values = np.repeat([True, False], 50)
    assert np.isnan(chance_corrected_agreement(values, values, 2))
    assert chance_corrected_agreement(values, values, 1) == 1


# --- binding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("WonPrize_2020", "won prize 2020"),
        ("HTMLPage", "html page"),
        ("y1976", "y 1976"),
        ("LostToIgaŚwiątek", "lost to iga ś wi ą tek"),
        ("+", "+"),
    ],
)
def test_readable_names(name: str, words: str) -> None:
    assert readable(name) == words


def test_names_are_bound_by_kind_and_arity_each_once() -> None:
    formula = parse_formula("Feline(cat) ∧ Feline(rina) ∧ Kitty(rina, rina)")
    reference = parse_formula("Cat(katharina) ∧ Cat(feline)")
    synonyms = SynonymEmbedder({"feline": "cat", "kitty": "cat", "rina": "katharina"})
    vectors = encode_names(unmatched_names(formula, reference), synonyms)
    assert bind_symbols(formula, reference, vectors, 0.5) == {
        Symbol("predicate", "Feline", 1): "Cat",
        Symbol("constant", "cat"): "feline",
        Symbol("constant", "rina"): "katharina",
    }


def test_equal_spelling_comes_before_any_embedding() -> None:
    # Dog is a synonym of Cat here, but Cat is there already.
    embedder = SynonymEmbedder({"dog": "cat"})
    formula, reference = parse_formula("Cat(a) ∧ Dog(a)"), parse_formula("Cat(a) ∧ Cow(a)")
    vectors = encode_names(unmatched_names(formula, reference), embedder)
    assert bind_symbols(formula, reference, vectors, 0.5) == {}


# --- evaluation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("∀x (R(x, x))", "∀x ∀y (x = y → R(x, y))"),
        ("R(a, b)", "∃x ∃y (x = a ∧ y = b ∧ R(x, y))"),
        ("P(f(a))", "∃x (x = f(a) ∧ P(x))"),
        ("∀x ∃y (R(y, x))", "¬∃y ∀x (¬R(x, y))"),
        ("∃x (Rain)", "Rain"),
        ("∀x ∀x (P(x))", "∀x (P(x))"),
        ("∀x (∃y (R(x, y)) → P(x))", "∀x ∀y (R(x, y) → P(x))"),
    ],
)
def test_fast_and_slow_ways_to_look_up_agree(text: str, twin: str) -> None:
    interpretations = Interpretations(ModelSampling(), ("a", "b"))
    first, second = parse_formula(text), parse_formula(twin)
    assert equivalent(first, second)
    values = truth_values(first, interpretations)
    assert values.shape == (interpretations.num,)
    assert np.array_equal(values, truth_values(second, interpretations))
    assert 0 < values.mean() < 1


def test_domains_hold_the_named_and_some_more() -> None:
    settings = ModelSampling(unnamed_elements=(1, 2), densities=(0.5,), interpretations=8)
    assert Interpretations(settings, ()).sizes == (2, 3)
    assert Interpretations(settings, ("a", "b")).sizes == (3, 4)
    both = truth_values(parse_formula("∃x (x ≠ a ∧ x ≠ b)"), Interpretations(settings, ("a", "b")))
    two = truth_values(
        parse_formula("∃x ∃y (x ≠ a ∧ y ≠ a ∧ x ≠ y)"), Interpretations(settings, ("a",))
    )
    assert both.all()
    assert two.tolist() == [False] * 8 + [True] * 8
