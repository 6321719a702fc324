"""First-order logic: read, print and compare formulas. Needs no torch."""

from rlsr.logic.exact import entails, equivalent, require_prover
from rlsr.logic.literal_evaluation import literal_evaluation_scores
from rlsr.logic.model_sampling import model_sampling_scores
from rlsr.logic.parser import parse_formula
from rlsr.logic.printer import formula_tokens, print_formula
from rlsr.logic.renaming import alpha_equivalent, canonical_variables
from rlsr.logic.response import formula_text
from rlsr.logic.syntax import Formula, free_variables

__all__ = [
    "Formula",
    "alpha_equivalent",
    "canonical_variables",
    "entails",
    "equivalent",
    "formula_text",
    "formula_tokens",
    "free_variables",
    "literal_evaluation_scores",
    "model_sampling_scores",
    "parse_formula",
    "print_formula",
    "require_prover",
]
