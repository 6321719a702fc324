"""The reward for formulas, written or translated: closeness in meaning, blended with closeness in tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rlsr.config.logic import FormulaLimits
from rlsr.config.remote import WAYS_OF_ASKING
from rlsr.config.reward import LogicReward
from rlsr.config.run import RunConfig
from rlsr.config.translator import EndpointTranslator, ModelTranslator, TranslatorConfig
from rlsr.data.record import PromptRecord
from rlsr.data.visible import is_empty
from rlsr.embeddings import Embedder, load_embedder, require_embedder
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
from rlsr.models import Device
from rlsr.rewards.endpoint_translator import EndpointTranslatorClient
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.model_translator import LanguageModelTranslator, translator_gb
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores
from rlsr.rewards.translation import TranslationCache, Translator
from rlsr.runs import cache_directory

Pairs = Sequence[tuple[Formula | None, Formula | None]]

_PARTS = (
    Part("similarity", "Similarity", "Before the rules for repeated and empty answers."),
    Part("logic", "Logic", "Agreement of the formulas in meaning."),
    Part("bleu", "BLEU", "Of the formulas' tokens."),
    Part("empty", "Share empty", "Responses without any visible character.", is_share=True),
    Part("unparsable", "Share without a formula", "Responses that are no formula, or one beyond the limits.", is_share=True),
    Part("unparsable_reference", "Share of unusable references", "Responses whose reference is no formula, or one beyond the limits.", is_share=True),
)  # fmt: skip
_UNTRANSLATED = Part(
    "untranslated",
    "Share untranslated",
    "Responses that could not be translated, or whose reference could not.",
    is_share=True,
)

_WAYS_OF_ASKING = {"batch_size", *WAYS_OF_ASKING}
"""Settings of a translator that decide how fast it answers, and not what."""

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


@dataclass(frozen=True)
class FormulaResult(RewardResult):
    """Scores of a rollout, with the formulas that were compared."""

    pairs: Pairs = field(default=())
    """Formula and reference of each response; None is what is no formula, beyond the limits or untranslated."""

    def take(self, rows: Sequence[int]) -> Self:
        """Take some of the responses with what they were compared to."""
        return replace(super().take(rows), pairs=[self.pairs[row] for row in rows])


@dataclass(frozen=True)
class _Reading:
    """What responses and references are as formulas."""

    pairs: list[tuple[Formula | None, Formula | None]]
    empty: NDArray[np.bool_]
    untranslated: NDArray[np.bool_]
    texts: Mapping[str, Sequence[str | None]]


class FormulaSimilarity(Reward):
    """Scores a rollout of formulas, or of texts that a translator turns into formulas.

    Args:
        config: The score, its weights, and what a response that is no formula gets.
        embedder: Encodes the names of predicates and constants.
        translator: Turns texts into formulas, the config's; None where the texts are formulas.

    Raises:
        MissingPackageError: lark is not installed.
    """

    def __init__(
        self, config: LogicReward, embedder: Embedder, translator: Translator | None = None
    ) -> None:
        assert (config.translator is None) == (translator is None), "the config's translator"
        self._config = config
        self._embedder = embedder
        self._translator = translator
        load_grammar()  # what is missing shows before a rollout

    @property
    def parts(self) -> tuple[Part, ...]:
        """Closeness in meaning and in tokens, and what could not be read."""
        return _parts_of(self._config)

    def close(self) -> None:
        """Let go of the translator."""
        if self._translator is not None:
            self._translator.close()

    def score(self, batch: RewardBatch) -> FormulaResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses and their references; the prompts are not looked at.

        Returns:
            Scores in [-1, 1]. A response that cannot be scored gets what the config says; with a translator an empty one gets
            the least that a formula can get. NaN where the reference itself cannot be scored, or where the translator could not
            be asked about one of the two. Components: ``similarity``, which is the score; what it is made of, NaN where
            there is nothing to compare: ``logic`` and ``bleu``; ``empty``, ``unparsable`` and
            ``unparsable_reference`` as 0 and 1, with a translator ``untranslated``, too.
        """
        reading = self._read(batch)
        references = [reference for _, reference in reading.pairs]
        logic, bleu = self._logic(reading.pairs), formula_bleu(reading.pairs)
        compared = ~reading.untranslated
        # A reference that cannot be compared even with itself is the data's fault, whatever the response is.
        bad_reference = np.isnan(self._logic([(one, one) for one in references])) & compared
        unparsable = np.isnan(logic) & ~bad_reference & compared
        share = self._config.bleu_share
        scores = np.where(unparsable, self._unparsable_score, (1 - share) * logic + share * bleu)
        if self._translator is not None:
            # Nothing was there to translate: that is the policy's fault and not the translator's.
            scores = np.where(unparsable & reading.empty, self._config.lowest, scores)
        components = {
            "similarity": scores,
            "logic": logic,
            "bleu": bleu,
            "empty": reading.empty.astype(np.float64),
            "unparsable": unparsable.astype(np.float64),
            "unparsable_reference": bad_reference.astype(np.float64),
        }
        if self._translator is not None:
            components["untranslated"] = reading.untranslated.astype(np.float64)
        # A translation that is no formula may be of a response that means anything.
        says_nothing = reading.empty | (unparsable & (self._translator is None))
        return FormulaResult(
            scores,
            components,
            heldout={
                name: np.where(says_nothing & np.isnan(values), 0.0, values)
                for name, values in {"reward": scores, "logic": logic}.items()
            },
            texts=reading.texts,
            pairs=reading.pairs,
        )

    def _read(self, batch: RewardBatch) -> _Reading:
        responses: Sequence[str | None] = batch.responses
        references: Sequence[str | None] = batch.references
        empty = [not formula_text(text) for text in batch.responses]
        texts: dict[str, Sequence[str | None]] = {}
        if self._translator is not None:
            responses, references = self._translate(batch, self._translator)
            empty = [is_empty(text) for text in batch.responses]
            texts = {"formula": responses, "reference_formula": references}
        limits = self._config.limits
        pairs = [
            (_formula(response, limits), _formula(reference, limits))
            for response, reference in zip(responses, references, strict=True)
        ]
        lost = [None in pair for pair in zip(responses, references, strict=True)]
        return _Reading(
            pairs, np.array(empty, dtype=np.bool_), np.array(lost, dtype=np.bool_), texts
        )

    @staticmethod
    def _translate(
        batch: RewardBatch, translator: Translator
    ) -> tuple[list[str | None], list[str | None]]:
        """Translate what can be seen, each distinct text once; nothing is a translation of nothing."""
        asked = dict.fromkeys(
            text for text in [*batch.references, *batch.responses] if text.strip()
        )
        found = dict(zip(asked, translator.translate(list(asked)), strict=True))
        return (
            [found.get(text, "") for text in batch.responses],
            [found.get(text, "") for text in batch.references],
        )

    def _logic(self, pairs: Pairs) -> Scores:
        if self._config.variant == "le":
            return literal_evaluation_scores(pairs, self._embedder, self._config.le)
        return model_sampling_scores(pairs, self._embedder, self._config.model_sampling)

    @property
    def _unparsable_score(self) -> float:
        scores = {"lowest": self._config.lowest, "zero": 0.0, "unscored": float("nan")}
        return scores[self._config.resolved_unparsable]


@lru_cache(maxsize=_KEPT_FORMULAS)
def _formula(text: str | None, limits: FormulaLimits) -> Formula | None:
    if text is None:
        return None
    try:
        return parse_formula(formula_text(text), limits)
    except FormulaError:
        return None


@lru_cache(maxsize=_KEPT_FORMULAS)
def _line(formula: Formula) -> str:
    return " ".join(formula_tokens(canonical_variables(formula)))


class LogicKind(RewardKind[LogicReward]):
    """The reward ``logic``."""

    config = LogicReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List closeness in meaning and in tokens, and what could not be read."""
        return _parts_of(self.settings(config))

    def describe(self, config: RunConfig) -> str:
        """Name the variant, the share of BLEU, and where the formulas come from."""
        settings = self.settings(config)
        return f"logic ({settings.variant}) with a BLEU share of {settings.bleu_share:g}, {settings.sources}"

    def seen_metrics(self, config: RunConfig) -> frozenset[str]:
        """Add the BLEU of responses that are formulas; that of translations is another than the metric's."""
        settings = self.settings(config)
        has_bleu = settings.bleu_share > 0 and settings.translator is None
        return super().seen_metrics(config) | ({"bleu"} if has_bleu else set())

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """Give closeness in meaning, and what an evaluation finds out about the formulas that were compared."""
        settings = self.settings(config)
        translator = None
        if settings.translator is not None:
            translator = settings.translator.model_dump(mode="json", exclude=_WAYS_OF_ASKING)
        whole = settings.model_dump(mode="json") | {
            "unparsable": settings.resolved_unparsable,
            "translator": translator,
        }
        read = [settings.limits.model_dump(mode="json"), translator]
        return {"reward": whole, "logic": whole, "parsed": read, "equivalent": read}

    def memory_gb(self, config: RunConfig, device: Device) -> float:
        """Size up a translator that is a model beside the policy."""
        translator = self.settings(config).translator
        return translator_gb(translator, device) if isinstance(translator, ModelTranslator) else 0.0

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse an encoder of names that is not there."""
        require_embedder(config.embedding, "embedding.model")

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> FormulaSimilarity:
        """Load the encoder of names, and the translator; translations are kept, since no other asking is sure to give them."""
        settings = self.settings(config)
        translator = None
        if settings.translator is not None:
            translator = _open_translator(settings.translator, device)
        return FormulaSimilarity(settings, load_embedder(config.embedding, device), translator)


def _parts_of(config: LogicReward) -> tuple[Part, ...]:
    return _PARTS if config.translator is None else (*_PARTS, _UNTRANSLATED)


def _open_translator(config: TranslatorConfig, device: Device) -> Translator:
    if isinstance(config, EndpointTranslator):
        # What a server has answered is kept by its client.
        return TranslationCache(EndpointTranslatorClient(config), None)
    return TranslationCache(
        LanguageModelTranslator(config, device), cache_directory("translations")
    )
