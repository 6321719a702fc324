"""What is measured on a held-out response that is a formula, or was translated into one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlsr.logic import Formula, alpha_equivalent, equivalent
from rlsr.rewards import FormulaResult

Floats = NDArray[np.float64]

PARSED = "parsed"
EQUIVALENT = "equivalent"


def formula_scores(result: FormulaResult) -> dict[str, Floats]:
    """Measure what the reward of formulas compared.

    Args:
        result: Of the reward.

    Returns:
        ``parsed`` and ``equivalent``, one number a response. A translation that is no formula says nothing about the
        response: it is not parsed, and whether it is equivalent is open, NaN; both are where nobody could be asked.
    """
    parsed = share_parsed([formula for formula, _ in result.pairs])
    same = proved_equivalence(result.pairs)
    translations = result.texts.get("formula")
    if translations is not None:
        lost = np.array([text is None for text in translations], dtype=np.bool_)
        wrote = result.components["empty"] == 0
        same = np.where(wrote & (parsed == 0), np.nan, same)
        parsed = np.where(lost, np.nan, parsed)
    return {PARSED: parsed, EQUIVALENT: same}


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
