"""The method that makes what the policy writes anyway likelier, whatever its reward."""

from typing import Literal

from pydantic import Field

from rlsr.config.method import RlsrMethod
from rlsr.config.method_base import LearningRates, MethodTable


class OsftMethod(MethodTable):
    """Online SFT on the policy's own responses (arXiv 2510.18814), which are scored and learnt from whatever their score.

    Drawn cooler than they are learnt, they sharpen the policy and teach nothing else. So it is the control for a gain by reward: what
    RLSR has over it is not mere sharpening.
    """

    title = "online SFT"
    paper = "2510.18814"
    hub_tag = "osft"
    learns_from = "rollouts"
    # The same as those of rlsr, so that a comparison moves the policy alike.
    learning_rates = LearningRates(adapters=1e-4, all_weights=1e-6)

    type: Literal["osft"] = "osft"
    num_generations: int = Field(default=4, ge=2)
    """Responses sampled for each prompt and learnt from."""
    temperature: float = Field(default=0.6, gt=0)
    """Sampling temperature of the responses. They are learnt at a temperature of 1, at which nothing is sharpened."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus of the sampling."""

    @property
    def num_sampled(self) -> int:
        """The responses that are learnt from."""
        return self.num_generations

    @property
    def responses_per_prompt(self) -> int:
        """All that are sampled."""
        return self.num_generations

    @property
    def in_terms_of_rlsr(self) -> RlsrMethod:
        """How a step samples; likelihood takes the place of GRPO."""
        return RlsrMethod(
            max_prompt_tokens=self.max_prompt_tokens,
            max_response_tokens=self.max_response_tokens,
            num_generations=self.num_generations,
            temperature=self.temperature,
            top_p=self.top_p,
            kl_coefficient=0,
        )

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many responses a step samples and learns from."""
        return f"{num_prompts} x {self.num_generations} responses"

    def training_in_words(self, reward: str) -> str:
        """Say what was learnt, and that no reward chose it."""
        return (
            f"{self.num_generations} of the policy's own responses to each prompt made likelier, drawn at a temperature of "
            f"{self.temperature:g} and chosen by no reward"
        )
