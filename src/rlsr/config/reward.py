"""What a response is rewarded for."""

from typing import Any, Literal

from pydantic import Field

from rlsr.config.base import ConfigTable
from rlsr.config.graders import GraderReward
from rlsr.config.judge import JudgeReward
from rlsr.config.logic import FormulaLimits, LiteralEvaluation, ModelSampling
from rlsr.config.preference_model import PreferenceModelReward
from rlsr.config.reward_base import ReferenceReward
from rlsr.config.translator import TranslatorConfig
from rlsr.config.verifiers import (
    ChoiceReward,
    ExactReward,
    JsonSchemaReward,
    MathReward,
    NumericReward,
    RegexReward,
)


class RepetitionConfig(ConfigTable):
    """The rule against repetition: a long repeated passage gets the penalty instead of the similarity.

    A passage counts when it is longer than ``min_characters`` and longer than ``min_reference_share`` of the
    reference's length.
    """

    enabled: bool = True
    """False scores repeated passages like any other text."""
    between: Literal["response", "prompt_and_response"] = "response"
    """``response``: the passage occurs at least twice in the response (the occurrences may overlap).
    ``prompt_and_response``: it occurs in the prompt and again in the response."""
    min_characters: int = Field(default=100, ge=1)
    """Passages of up to this many characters are never penalised."""
    min_reference_share: float = Field(default=0.1, ge=0)
    """Passages of up to this share of the reference's characters are never penalised; of the longest one's where there are
    several."""
    penalty: float = Field(default=-1.0, ge=-1, lt=1)
    """Reward of a response that breaks the rule."""


class SimilarityConfig(ConfigTable):
    """How close a response is to its reference."""

    variant: Literal["blend", "ensemble", "cosine"] = "blend"
    """``blend``: the mean of the cosine of the embeddings and of the overlap in character n-grams, lowered where the
    numbers disagree. ``ensemble``: the same with overlap in words, in the order of words and in sentences as further members
    of the mean, for up to twice the time (benchmarks/ranker.md). ``cosine``: the cosine alone, as in the paper."""
    recall_weight: float = Field(default=1.5, ge=0.1, le=10)
    """How many times as much as precision recall counts in each overlap: above it filler begins to pay, below it long
    answers lose; without effect on ``cosine``."""
    number_share: float = Field(default=0.25, ge=0, le=1)
    """Share of the similarity that a complete disagreement in numbers takes away; without effect on ``cosine``."""
    length_exponent: float = Field(default=0.0, ge=0, le=10)
    """What the similarity is multiplied by is min(l / r, r / l) to this power, with l and r the visible characters of response and
    reference: a pull towards the reference's length that each response has of its own. 0 leaves lengths alone; with 0.25 half or twice the
    length costs 16 %."""


class SimilarityReward(ReferenceReward):
    """Closeness of response and reference, guarded by the repetition rule."""

    type: Literal["similarity"] = "similarity"
    similarity: SimilarityConfig = SimilarityConfig()
    """How closeness is measured."""
    text: Literal["response", "prompt_and_response"] = "response"
    """What is encoded: the response alone, or the prompt and the response (and the prompt and the reference). Character
    n-grams and numbers are always those of response and reference alone."""
    empty_score: float = Field(default=-1.0, ge=-1, le=1)
    """Reward of a response without any visible character."""
    repetition: RepetitionConfig = RepetitionConfig()
    """The rule against repetition."""


class LogicReward(ReferenceReward):
    """Closeness of two first-order formulas in meaning and in tokens.

    For tasks whose answer is a formula; for free text by way of the formulas that a translator makes of it.
    """

    type: Literal["logic"] = "logic"
    variant: Literal["model_sampling", "le"] = "model_sampling"
    """``model_sampling``: agreement beyond chance over sampled interpretations, in [-1, 1]. ``le``: the paper's score,
    agreement of truth tables without quantifiers, in [0, 1]."""
    bleu_share: float = Field(default=0.5, ge=0, le=1)
    """Weight of the BLEU of the formulas' tokens; the logic similarity has the rest."""
    unparsable: Literal["lowest", "zero", "unscored"] | None = None
    """Reward of a response that is no formula or is beyond the limits. ``lowest``: the least that a formula can get, so that
    it never pays to write none; with ``le`` that is the paper's 0. ``zero``: 0, which with ``model_sampling`` is more
    than a contradiction of the reference gets. ``unscored``: NaN, which teaches nothing, so that no response is ever
    held against being none. Null is ``lowest`` where the policy writes the formulas, and ``unscored`` where a translator
    does, whose mistake it may be."""
    translator: TranslatorConfig | None = Field(default=None, discriminator="type")
    """What turns responses and references into formulas; null where they are formulas."""
    model_sampling: ModelSampling = ModelSampling()
    """Settings of ``model_sampling``; without effect on ``le``."""
    le: LiteralEvaluation = LiteralEvaluation()
    """Settings of ``le``; without effect on ``model_sampling``."""
    limits: FormulaLimits = FormulaLimits()
    """What is too large to be read."""

    @property
    def lowest(self) -> float:
        """The least that a formula can get."""
        return self.bleu_share - 1 if self.variant == "model_sampling" else 0.0

    @property
    def resolved_unparsable(self) -> Literal["lowest", "zero", "unscored"]:
        """What is done about a response that is no formula, with the default filled in."""
        if self.unparsable is not None:
            return self.unparsable
        return "lowest" if self.translator is None else "unscored"

    @property
    def sources(self) -> str:
        """Where the formulas come from and what is done about none, in words."""
        treatment = {
            "lowest": "none gets the least that a formula can get",
            "zero": "none gets 0",
            "unscored": "none is left unscored",
        }[self.resolved_unparsable]
        if self.translator is None:
            return f"formulas as written, {treatment}"
        return f"formulas translated by {self.translator.source}, {treatment}"


class OwnReward(ConfigTable):
    """A reward that somebody else has written; what it needs is known to it alone."""

    options: dict[str, Any] = Field(default_factory=dict)
    """What its class is made with, or its function called with, by name."""


class PythonReward(OwnReward):
    """A function or a class of your own."""

    type: Literal["python"] = "python"
    function: str
    """Where it stands, as in ``package.module:name``; files of the working directory can be imported. A function takes what
    TRL's ``reward_funcs`` take and returns one score a response, None where there is none; a class has a method ``score`` and
    is made with ``options``."""


SingleReward = (
    SimilarityReward
    | LogicReward
    | PythonReward
    | PreferenceModelReward
    | JudgeReward
    | GraderReward
    | ExactReward
    | NumericReward
    | MathReward
    | ChoiceReward
    | RegexReward
    | JsonSchemaReward
)
"""The rewards that stand alone, or are a member of a combined one."""
