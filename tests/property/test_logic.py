"""What holds for any formula."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from formulas import SynonymEmbedder, formulas
from rlsr.config.logic import FormulaLimits, LiteralEvaluation, ModelSampling
from rlsr.errors import FormulaError
from rlsr.logic import (
    Formula,
    alpha_equivalent,
    canonical_variables,
    entails,
    equivalent,
    formula_text,
    literal_evaluation_scores,
    model_sampling_scores,
    parse_formula,
    print_formula,
)
from rlsr.logic.interpretations import Interpretations, truth_values
from rlsr.logic.printer import Style
from rlsr.logic.renaming import rename_symbols
from rlsr.logic.syntax import Binary, Not, Quantified, Symbol, symbols

EMBEDDER = SynonymEmbedder()
SAMPLING = ModelSampling(interpretations=32)
FREE_TO_REPEAT = LiteralEvaluation(max_characters=None, max_ands=None, max_ors=None)
MANY = settings(deadline=None, max_examples=100)

# One constant at most: another would enlarge the domains.
plain = formulas(constants=("tom",), with_terms=False, max_leaves=4)


def sampled(formula: Formula, reference: Formula) -> float:
    return float(model_sampling_scores([(formula, reference)], EMBEDDER, SAMPLING)[0])


def le(formula: Formula, reference: Formula) -> float:
    return float(literal_evaluation_scores([(formula, reference)], EMBEDDER, FREE_TO_REPEAT)[0])


# --- text ---------------------------------------------------------------------------------------


@MANY
@given(formulas(max_leaves=12), st.sampled_from(["unicode", "ascii"]))
def test_a_printed_formula_reads_as_itself(formula: Formula, style: Style) -> None:
    assert parse_formula(print_formula(formula, style)) == formula


@MANY
@given(st.text(alphabet="∀∃¬∧∨→xyPQ(),.=- \n", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_formula_or_one_message(text: str) -> None:
    found = read(text)
    if isinstance(found, str):
        assert len(found.splitlines()) == 1
    else:
        assert parse_formula(print_formula(found)) == found


def read(text: str) -> Formula | str:
    try:
        return parse_formula(formula_text(text), FormulaLimits(max_depth=20))
    except FormulaError as error:
        return str(error)


@MANY
@given(formulas())
def test_canonical_variables_change_nothing_but_names(formula: Formula) -> None:
    canonical = canonical_variables(formula)
    assert alpha_equivalent(formula, canonical)
    assert canonical_variables(canonical) == canonical
    assert symbols(canonical) == symbols(formula)


# --- scores -------------------------------------------------------------------------------------


@MANY
@given(formulas(), formulas())
def test_scores_keep_their_bounds(formula: Formula, reference: Formula) -> None:
    score, other = sampled(formula, reference), le(formula, reference)
    assert np.isnan(score) or -1 <= score <= 1
    assert np.isnan(other) or 0 <= other <= 1
    assert sampled(formula, formula) == 1 or np.isnan(sampled(formula, formula))


@MANY
@given(plain, plain)
def test_model_sampling_is_symmetric_and_blind_to_a_common_negation(
    formula: Formula, reference: Formula
) -> None:
    score = sampled(formula, reference)
    assert sampled(reference, formula) == pytest.approx(score)
    if not alpha_equivalent(formula, reference):
        assert sampled(Not(formula), Not(reference)) == pytest.approx(score)


def commuted(formula: Formula) -> Formula:
    """Turn every operand around."""
    match formula:
        case Binary("implies", left, right):
            return Binary("implies", commuted(left), commuted(right))
        case Binary(connective, left, right):
            return Binary(connective, commuted(right), commuted(left))
        case Not(operand):
            return Not(commuted(operand))
        case Quantified(quantifier, variable, body):
            return Quantified(quantifier, variable, commuted(body))
        case _:
            return formula


def contraposed(formula: Formula) -> Formula:
    """Turn every implication around, with both sides negated."""
    match formula:
        case Binary("implies", left, right):
            return Binary("implies", Not(contraposed(right)), Not(contraposed(left)))
        case Binary(connective, left, right):
            return Binary(connective, contraposed(left), contraposed(right))
        case Not(operand):
            return Not(contraposed(operand))
        case Quantified(quantifier, variable, body):
            return Quantified(quantifier, variable, contraposed(body))
        case _:
            return formula


def without_and_and_forall(formula: Formula) -> Formula:
    """Apply De Morgan's laws to every conjunction and universal quantifier."""
    match formula:
        case Binary("and", left, right):
            left, right = without_and_and_forall(left), without_and_and_forall(right)
            return Not(Binary("or", Not(left), Not(right)))
        case Binary(connective, left, right):
            return Binary(connective, without_and_and_forall(left), without_and_and_forall(right))
        case Quantified("forall", variable, body):
            return Not(Quantified("exists", variable, Not(without_and_and_forall(body))))
        case Quantified(quantifier, variable, body):
            return Quantified(quantifier, variable, without_and_and_forall(body))
        case Not(operand):
            return Not(without_and_and_forall(operand))
        case _:
            return formula


@MANY
@given(
    plain,
    plain,
    st.sampled_from([commuted, contraposed, without_and_and_forall, canonical_variables]),
)
def test_equivalent_rewriting_changes_nothing(
    formula: Formula, reference: Formula, rewrite: Callable[[Formula], Formula]
) -> None:
    rewritten = rewrite(formula)
    assert equivalent(formula, rewritten) is True
    # Valid and unsatisfiable formulas are compared by their shape.
    assume(not alpha_equivalent(formula, reference))
    assume(not alpha_equivalent(rewritten, reference))
    assert sampled(rewritten, reference) == sampled(formula, reference)
    if rewrite in (commuted, contraposed):
        assert le(rewritten, reference) == le(formula, reference)


@MANY
@given(plain, plain, plain)
def test_a_conjunct_more_never_pays_where_the_reference_is_implied(
    reference: Formula, first: Formula, second: Formula
) -> None:
    once = Binary("and", reference, first)
    twice = Binary("and", once, second)
    assume(constants(twice) == constants(once))
    assert sampled(twice, reference) <= sampled(once, reference) + 1e-12


@MANY
@given(plain, plain)
def test_names_that_the_encoder_takes_for_one_another_cost_nothing(
    formula: Formula, reference: Formula
) -> None:
    renamed = {Symbol("predicate", "P", 1): "Tall", Symbol("constant", "tom"): "anna"}
    assume(symbols(reference) >= set(renamed))
    assume(not alpha_equivalent(formula, reference))
    synonyms = SynonymEmbedder({"tall": "p", "anna": "tom"})
    pair = (rename_symbols(formula, renamed), reference)
    assert model_sampling_scores([pair], synonyms, SAMPLING)[0] == sampled(formula, reference)


@MANY
@given(plain, plain)
def test_the_score_agrees_with_the_prover(formula: Formula, reference: Formula) -> None:
    score = sampled(formula, reference)
    if alpha_equivalent(formula, reference):
        assert score == 1
    elif equivalent(formula, reference) is True:
        assert score == (0 if is_constant(reference, constants(formula)) else 1)
    elif entails(formula, Not(reference)) is True:
        assert score <= 1e-12


def constants(formula: Formula) -> set[str]:
    return {symbol.name for symbol in symbols(formula) if symbol.kind == "constant"}


def is_constant(formula: Formula, others: set[str]) -> bool:
    """Say whether a formula is the same in all interpretations of each stratum of both samples."""
    names = tuple(sorted(constants(formula) | others))
    return all(
        bool((strata.all(axis=1) | ~strata.any(axis=1)).all())
        for sample in (Interpretations(SAMPLING, names, extreme) for extreme in (False, True))
        for strata in [truth_values(formula, sample).reshape(sample.num_strata, -1)]
    )
