"""The method that ranks the policy's own samples beside the likelihood of the reference."""

from typing import Literal

from pydantic import Field

from rlsr.config.method import SgrpoMethod
from rlsr.config.method_base import LearningRates, MethodTable


class RankMethod(MethodTable):
    """BRIO (arXiv 2203.16804) and SLiC (arXiv 2210.00045): the better of two samples shall be the likelier one.

    The loss is that of SFT on the reference, the first of several, and a margin between the policy's own samples in the
    order of their rewards.
    """

    title = "BRIO ranking"
    paper = "2203.16804"
    hub_tag = "brio"
    learns_from = "rollouts"
    # The loss of SFT is its larger part.
    learning_rates = LearningRates(adapters=2e-4, all_weights=2e-5)

    type: Literal["rank"] = "rank"
    num_generations: int = Field(default=4, ge=2)
    """Responses sampled for each prompt and ranked by their rewards."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of the responses."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus of the sampling."""
    rank_weight: float = Field(default=1.0, gt=0)
    """Weight of the ranking, a mean over the pairs of a step, beside the mean loss of a reference token."""
    margin: float = Field(default=0.05, ge=0)
    """How much likelier a response has to be than the one that is next in rank, in nats of the score below; as many times
    that as they are ranks apart."""
    length_penalty: float = Field(default=1.0, ge=0)
    """Power of the length that divides the log-probability of a response: 0 is the sum over its tokens, 1 their mean."""

    @property
    def num_sampled(self) -> int:
        """The responses that are ranked."""
        return self.num_generations

    @property
    def responses_per_prompt(self) -> int:
        """The responses and the reference."""
        return self.num_generations + 1

    @property
    def learns_references(self) -> bool:
        """The reference is learnt from as in SFT."""
        return True

    @property
    def extra_passes(self) -> int:
        """The responses are scored before they are ranked."""
        return 1

    @property
    def in_terms_of_sgrpo(self) -> SgrpoMethod:
        """How a step samples and reads the references; the ranking takes the place of GRPO."""
        return SgrpoMethod(
            max_prompt_tokens=self.max_prompt_tokens,
            max_response_tokens=self.max_response_tokens,
            num_generations=self.num_generations,
            temperature=self.temperature,
            top_p=self.top_p,
            kl_coefficient=0,
            label_weight=1,
        )

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many responses and references a step learns from."""
        return f"{num_prompts} x {self.num_generations} responses and {num_prompts} references"

    def training_in_words(self, reward: str) -> str:
        """Say what was learnt, and what was ranked by what."""
        return (
            f"the references' tokens made likelier, and the better of {self.num_generations} responses to each prompt likelier "
            f"than the worse, ranked by {reward} (weight {self.rank_weight:g}, margin {self.margin:g})"
        )
