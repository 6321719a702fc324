"""What a forecast has found, as plain data: it is written as JSON, and shown in the terminal."""

from dataclasses import dataclass
from typing import Literal

from rlsr.forecast.learning import Learning
from rlsr.statistics import Estimate

Verdict = Literal["pays", "does not pay", "cannot say"]

Prompts = Literal["set aside", "trained on", "unknown"]
"""What the policy has seen of the prompts: set aside by its SFT, trained on, or nobody knows."""

UNSEEN = "independent_similarity"
"""The metric that decides, which no reward has."""


@dataclass(frozen=True)
class MetricEffect:
    """What choosing by the reward does to a metric."""

    name: str
    """The metric."""
    label: str
    """What it is called within a sentence."""
    digits: int
    """Decimals that it is written with."""
    in_reward: bool
    """Whether the reward has it, so that choosing by the reward says nothing by it."""
    greedy: Estimate
    """Mean over prompts of the most likely answer."""
    sampled: Estimate
    """Mean over prompts of all answers at temperature 1."""
    best: Estimate
    """Mean over prompts of the answer with the highest reward."""
    best_minus_greedy: Estimate
    """Mean of the paired differences."""
    best_minus_mean: Estimate
    """Mean of the paired differences to the mean of the prompt's answers."""
    agreement: Estimate
    """Spearman's correlation with the reward among the answers to a prompt, mean over prompts; ``num`` counts prompts."""


@dataclass(frozen=True)
class RewardSpread:
    """How far rewards of the answers to one prompt lie apart."""

    within: Estimate
    """Mean over prompts of the standard deviation."""
    share_without_signal: float
    """Share of the prompts whose answers all got the same reward."""
    noise: float
    """Standard deviation that rounding alone gives."""


@dataclass(frozen=True)
class Judgement:
    """What a forecast says."""

    verdict: Verdict
    """Whether RLSR will raise the unseen similarity of greedy answers."""
    rule: str
    """Name of the rule that was met, as in docs/forecast.md."""
    reason: str
    """Why, in one sentence."""
    next_step: str
    """What to do, in one sentence."""


@dataclass(frozen=True)
class Forecast:
    """What RLSR promises after an SFT."""

    judgement: Judgement
    """In words."""
    gain: Estimate
    """Expected gain of RLSR in the unseen similarity over the policy as it is; ``num`` counts validation points."""
    metrics: tuple[MetricEffect, ...]
    """The unseen similarity first, then those that the reward has not, then the others."""
    spread: RewardSpread
    """Of the rewards within groups."""
    learning: Learning | None
    """Whether SFT was still learning; None where no run says so."""
    num_prompts: int
    """Prompts that were asked."""
    num_generations: int
    """Answers sampled to each."""
    confidence: float
    """Level of the intervals; those of spread and agreement are always of .95."""
    reward: str
    """What the reward is, in words."""
    encoder: str
    """The encoder of the unseen similarity."""
    prompts: Prompts
    """What the policy has seen of the prompts."""
    warnings: tuple[str, ...]
    """What makes the forecast weaker, in sentences."""
    seconds: float
    """Wall-clock of sampling and scoring."""

    @property
    def unseen(self) -> MetricEffect:
        """The effect on the metric that decides."""
        return self.metrics[0]
