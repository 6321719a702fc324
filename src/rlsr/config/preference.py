"""Methods that learn from pairs of a better and a worse response."""

from typing import Literal

from pydantic import Field

from rlsr.config.method_base import LearningRates, MethodTable


class PairMethod(MethodTable):
    """A method that learns from pairs: the reference, the first of several, and a worse response."""

    learns_from = "pairs"
    # The better and the worse one.
    responses_together = 2

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

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many pairs a step learns from."""
        return f"{num_prompts} pairs of responses"


class DpoMethod(PairMethod):
    """Direct preference optimisation (arXiv 2305.18290): the reference, the first of several, against a worse response."""

    title = "DPO"
    paper = "2305.18290"
    hub_tag = "dpo"
    learning_rates = LearningRates(adapters=1e-5, all_weights=1e-6)

    type: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, gt=0)
    """Strength of the pull towards the policy before training."""

    @property
    def needs_reference_policy(self) -> bool:
        """The loss compares with the policy before training."""
        return True

    def training_in_words(self, reward: str) -> str:
        """Say what is preferred to what; the reward chose the worse response, where the data had none."""
        return f"the reference preferred to a worse response by DPO (beta {self.beta:g})"


class RewardModelMethod(PairMethod):
    """A Bradley-Terry model (arXiv 2203.02155): how likely one answer is preferred is the sigmoid of the difference of scores."""

    title = "Bradley-Terry reward model"
    paper = "2203.02155"
    hub_tag = "reward-trainer"
    makes = "scorer"
    # TRL's default for all weights, and ten times it for adapters.
    learning_rates = LearningRates(adapters=1e-4, all_weights=1e-5)

    type: Literal["reward_model"] = "reward_model"
    num_generations: int = Field(default=1, ge=1)
    """Responses that are sampled for each prompt to find the worst by the reward; with 1 the reward chooses nothing, and the model
    learns to tell the policy's own responses from references. Without effect on ``data``."""
    centering: float = Field(default=0.0, ge=0)
    """Weight of the squared sum of the two scores of a pair, which holds scores around 0 (arXiv 2312.09244; 0.01 there). A
    Bradley-Terry loss alone knows differences only."""

    def training_in_words(self, reward: str) -> str:
        """Say what is scored above what."""
        return "the reference scored above a worse response by the loss of Bradley and Terry" + (
            f" (centering {self.centering:g})" if self.centering else ""
        )
