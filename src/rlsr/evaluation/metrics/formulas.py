"""What is measured on a held-out response that is a formula, or was translated into one."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rlsr.evaluation.metrics.metric import HeldoutBatch, Metric
from rlsr.evaluation.metrics.of_reward import reward_scorer
from rlsr.logic import Formula, alpha_equivalent, equivalent, require_prover
from rlsr.rewards import FormulaResult

Floats = NDArray[np.float64]


def parsed(batch: HeldoutBatch) -> Floats:
    """Measure which responses were read as formulas.

    Args:
        batch: Scored by a reward of formulas.

    Returns:
        1 for a formula, else 0; NaN where nobody could be asked for a translation.
    """
    result = _formulas(batch)
    found = share_parsed([formula for formula, _ in result.pairs])
    return np.where(_is_lost(result), np.nan, found)


def equivalence(batch: HeldoutBatch) -> Floats:
    """Measure which responses mean the same as their references.

    Args:
        batch: Scored by a reward of formulas.

    Returns:
        1 where that is proved, else 0; NaN where it is open. A translation that is no formula says nothing about the response,
        so that whether it is equivalent is open.
    """
    result = _formulas(batch)
    same = proved_equivalence(result.pairs)
    if "formula" not in result.texts:
        return same
    is_formula = share_parsed([formula for formula, _ in result.pairs])
    wrote = result.components["empty"] == 0
    return np.where(wrote & (is_formula == 0), np.nan, same)


def _formulas(batch: HeldoutBatch) -> FormulaResult:
    result = batch.result.find(FormulaResult)
    assert result is not None, "measured where the reward compares formulas"
    return result


def _is_lost(result: FormulaResult) -> NDArray[np.bool_]:
    """Flag responses that could not be translated; nothing is lost where they are formulas."""
    translations = result.texts.get("formula", [""] * len(result.pairs))
    return np.array([text is None for text in translations], dtype=np.bool_)


def share_parsed(formulas: Sequence[Formula | None]) -> Floats:
    """Flag responses that are formulas.

    Args:
        formulas: One a response; None is what could not be read.

    Returns:
        1 for a formula, else 0.
    """
    return np.array([formula is not None for formula in formulas], dtype=np.float64)


def proved_equivalence(pairs: Sequence[tuple[Formula | None, Formula | None]]) -> Floats:
    """Flag responses that are true in the same interpretations as their references, names compared by spelling.

    Args:
        pairs: Formula and reference; None is what could not be read.

    Returns:
        1 where z3 proves it, 0 where it refutes it or the response is no formula; NaN where the reference is none or z3 does
        not decide in its time.

    Raises:
        MissingPackageError: z3-solver is not installed.
    """
    return np.array([_equivalence(*pair) for pair in pairs], dtype=np.float64)


def _equivalence(formula: Formula | None, reference: Formula | None) -> float:
    if reference is None:
        return float("nan")
    if formula is None:
        return 0.0
    if alpha_equivalent(formula, reference):
        return 1.0
    decided = equivalent(formula, reference)
    return float("nan") if decided is None else float(decided)


METRICS = (
    Metric(
        "parsed",
        parsed,
        label="share that is a formula",
        better="higher",
        rank=60,
        of_reward=True,
        scorer=partial(reward_scorer, "parsed"),
    ),
    Metric(
        "equivalent",
        equivalence,
        label="share equivalent to the reference, by proof",
        better="higher",
        rank=40,
        of_reward=True,
        scorer=partial(reward_scorer, "equivalent"),
        require=require_prover,
    ),
)
