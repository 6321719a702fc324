"""Methods that learn from pairs of a better and a worse response."""

from typing import Literal

from pydantic import Field

from rlsr.config.method_base import LearningRates, MethodTable


class DpoMethod(MethodTable):
    """Direct preference optimisation (arXiv 2305.18290): the reference, the first of several, against a worse response."""

    title = "DPO"
    paper = "2305.18290"
    hub_tag = "dpo"
    learns_from = "pairs"
    learning_rates = LearningRates(adapters=1e-5, all_weights=1e-6)
    # The better and the worse one.
    responses_together = 2

    type: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, gt=0)
    """Strength of the pull towards the policy before training."""
    rejected: Literal["auto", "data", "worst_sample"] = "auto"
    """The worse response: ``data`` takes the rows' ``rejected``; ``worst_sample`` the lowest rewarded of responses that the
    policy samples before training; ``auto`` is ``data`` where every row has one, else ``worst_sample``."""
    num_generations: int = Field(default=4, ge=1)
    """Responses that are sampled for each prompt to find the worst; without effect on ``data``."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature; without effect on ``data``."""

    @property
    def responses_per_prompt(self) -> int:
        """The better and the worse response."""
        return self.responses_together

    @property
    def needs_reference_policy(self) -> bool:
        """The loss compares with the policy before training."""
        return True

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many pairs a step learns from."""
        return f"{num_prompts} pairs of responses"

    def training_in_words(self, reward: str) -> str:
        """Say what is preferred to what; the reward chose the worse response, where the data had none."""
        return f"the reference preferred to a worse response by DPO (beta {self.beta:g})"
