"""Logic similarity by model sampling: do two formulas hold in the same interpretations?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rlsr.config.logic import ModelSampling
from rlsr.embeddings.protocol import Embedder
from rlsr.errors import FormulaError
from rlsr.logic.agreement import chance_corrected_agreement
from rlsr.logic.binding import NameVectors, bind_symbols, encode_names, unmatched_names
from rlsr.logic.interpretations import Interpretations, check_cells, truth_values
from rlsr.logic.renaming import canonical_variables, rename_symbols
from rlsr.logic.syntax import Equality, Formula, symbols, walk

Scores = NDArray[np.float64]
Pair = tuple[Formula | None, Formula | None]

_DEFAULTS = ModelSampling()


def model_sampling_scores(
    pairs: Sequence[Pair], embedder: Embedder, settings: ModelSampling = _DEFAULTS
) -> Scores:
    """Score formulas by the agreement of their truth values over sampled interpretations.

    The symbols of a formula are bound to those of its reference by spelling, embedding, kind and arity; what stays unbound
    means something else. Both are evaluated on the same interpretations, and their agreement is corrected for chance
    (``chance_corrected_agreement``). Where both are the same throughout each domain size and density, a second sample
    with empty, half full and full predicates decides.

    What holds exactly: equivalent formulas score 1, unless they are constant on both samples, as valid and unsatisfiable
    ones are; then only alpha-equivalent ones do, and others score 0. The converse holds up to sampling: a difference that
    no interpretation of the sample shows is not seen. A formula against its negation is
    below 0. Formulas without a common predicate score 0 unless both use equality. Rewriting a formula into an equivalent
    one with the same symbols (bound variables, order of operands, De Morgan, contraposition) changes nothing, nor does
    negating both. Where both spell their names alike, they may change places. Where a formula implies its reference,
    another conjunct without new constants never raises the score; new constants enlarge the domains, so with them this
    holds up to sampling error, whose standard deviation is at most about .03.

    Args:
        pairs: Formula and reference; None is what could not be read.
        embedder: Encodes names that one side spells otherwise.
        settings: Binding and sampling.

    Returns:
        Scores in [-1, 1]; NaN where one of the two is None or too large to sample.
    """
    names = {
        name
        for formula, reference in pairs
        if formula is not None and reference is not None
        for name in unmatched_names(formula, reference)
    }
    vectors = encode_names(names, embedder)
    return np.array([_score(*pair, vectors, settings) for pair in pairs], dtype=np.float64)


def _score(
    formula: Formula | None,
    reference: Formula | None,
    vectors: NameVectors,
    settings: ModelSampling,
) -> float:
    if formula is None or reference is None:
        return float("nan")
    bound = bind_symbols(formula, reference, vectors, settings.min_cosine)
    formula = rename_symbols(formula, bound)
    reference = canonical_variables(reference)
    interpretations = Interpretations(settings, _constants(formula, reference))
    try:
        check_cells(formula, interpretations)
        check_cells(reference, interpretations)
    except FormulaError:
        return float("nan")
    if formula == reference:
        return 1.0
    if not _can_depend(formula, reference):
        return 0.0
    agreement = _agreement(formula, reference, interpretations)
    if np.isnan(agreement):
        agreement = _agreement(formula, reference, replace(interpretations, extreme=True))
    # Both are constant on both samples: that says nothing about what they mean.
    return 0.0 if np.isnan(agreement) else agreement


def _agreement(formula: Formula, reference: Formula, interpretations: Interpretations) -> float:
    return chance_corrected_agreement(
        truth_values(formula, interpretations),
        truth_values(reference, interpretations),
        interpretations.num_strata,
    )


def _can_depend(formula: Formula, reference: Formula) -> bool:
    """Say whether the truth of one can tell about the other: a common predicate, or equality in both."""
    if any(symbol.kind == "predicate" for symbol in symbols(formula) & symbols(reference)):
        return True
    return _has_equality(formula) and _has_equality(reference)


def _has_equality(formula: Formula) -> bool:
    return any(isinstance(part, Equality) for part in walk(formula))


def _constants(formula: Formula, reference: Formula) -> tuple[str, ...]:
    """Order the individuals: the reference's first, so that its truth values serve many formulas."""
    ours, theirs = (
        {symbol.name for symbol in symbols(one) if symbol.kind == "constant"}
        for one in (formula, reference)
    )
    return (*sorted(theirs), *sorted(ours - theirs))
