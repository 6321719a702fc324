"""The reward for formulas: closeness in meaning, blended with closeness in tokens."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from rlsr.config.logic import FormulaLimits
from rlsr.config.reward import LogicReward
from rlsr.embeddings import Embedder
from rlsr.errors import FormulaError
from rlsr.logic import (
    Formula,
    canonical_variables,
    formula_text,
    formula_tokens,
    literal_evaluation_scores,
    model_sampling_scores,
    parse_formula,
)
from rlsr.logic.parser import load_grammar
from rlsr.rewards.protocol import RewardBatch, RewardResult, Scores

Pairs = Sequence[tuple[Formula | None, Formula | None]]

# The references of a rollout come back with each response to their prompt.
_KEPT_FORMULAS = 4096


def formula_bleu(pairs: Pairs) -> Scores:
    """Measure overlap in n-grams of tokens; the names of bound variables and the spelling of operators do not count.

    Args:
        pairs: Formula and reference; None is what could not be read.

    Returns:
        BLEU in [0, 1]; NaN where one of the two is None.

    Source:
        Papineni et al. 2002, as computed by sacrebleu for single sentences: smoothed, without the orders that a short
        formula does not have. The tokens are the names, operators and brackets of ``formula_tokens``.
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True, tokenize="none")
    found = np.full(len(pairs), np.nan)
    for row, (formula, reference) in enumerate(pairs):
        if formula is not None and reference is not None:
            score = metric.sentence_score(_line(formula), [_line(reference)]).score
            # sacrebleu sums rounded parts: equal formulas may come out at a hair above 100.
            found[row] = min(score / 100, 1.0)
    return found


class FormulaSimilarity:
    """Scores a rollout of formulas.

    Args:
        config: The score, its weights, and what a response that is no formula gets.
        embedder: Encodes the names of predicates and constants.

    Raises:
        MissingPackageError: lark is not installed.
    """

    def __init__(self, config: LogicReward, embedder: Embedder) -> None:
        self._config = config
        self._embedder = embedder
        load_grammar()  # what is missing shows before a rollout

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses and their references; the prompts are not looked at.

        Returns:
            Scores in [-1, 1]. A response that cannot be scored gets what the config says; NaN where the reference itself
            cannot. Components: ``similarity``, which is the score; what it is made of, NaN where there is nothing to
            compare: ``logic`` and ``bleu``; ``empty``, ``unparsable`` and ``unparsable_reference`` as 0 and 1.
        """
        pairs = self.formulas(batch)
        references = [reference for _, reference in pairs]
        logic, bleu = self._logic(pairs), formula_bleu(pairs)
        # A reference that cannot be compared even with itself is the data's fault, whatever the response is.
        bad_reference = np.isnan(self._logic([(one, one) for one in references]))
        unparsable = np.isnan(logic) & ~bad_reference
        share = self._config.bleu_share
        scores = np.where(unparsable, self._unparsable_score, (1 - share) * logic + share * bleu)
        empty = [not formula_text(text) for text in batch.responses]
        return RewardResult(
            scores=scores,
            components={
                "similarity": scores,
                "logic": logic,
                "bleu": bleu,
                "empty": np.array(empty, dtype=np.float64),
                "unparsable": unparsable.astype(np.float64),
                "unparsable_reference": bad_reference.astype(np.float64),
            },
        )

    def formulas(self, batch: RewardBatch) -> list[tuple[Formula | None, Formula | None]]:
        """Read what is compared.

        Args:
            batch: The responses and their references.

        Returns:
            Formula and reference of each response; None is what is no formula or beyond the limits.
        """
        responses = [_read(text, self._config.limits) for text in batch.responses]
        references = [_read(text, self._config.limits) for text in batch.references]
        return list(zip(responses, references, strict=True))

    def _logic(self, pairs: Pairs) -> Scores:
        if self._config.variant == "le":
            return literal_evaluation_scores(pairs, self._embedder, self._config.le)
        return model_sampling_scores(pairs, self._embedder, self._config.model_sampling)

    @property
    def _unparsable_score(self) -> float:
        scores = {"lowest": self._config.lowest, "zero": 0.0, "unscored": float("nan")}
        return scores[self._config.unparsable]


@lru_cache(maxsize=_KEPT_FORMULAS)
def _read(text: str, limits: FormulaLimits) -> Formula | None:
    try:
        return parse_formula(formula_text(text), limits)
    except FormulaError:
        return None


@lru_cache(maxsize=_KEPT_FORMULAS)
def _line(formula: Formula) -> str:
    return " ".join(formula_tokens(canonical_variables(formula)))
