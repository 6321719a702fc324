"""The method that learns the best of the policy's own responses as SFT learns a reference."""

from typing import Literal

from pydantic import Field

from rlsr.config.method import AdvantageConfig, RlsrMethod
from rlsr.config.method_base import LearningRates, MethodTable


class RaftMethod(MethodTable):
    """RAFT (arXiv 2304.06767): the response with the highest reward of each group is made likelier, alone or beside the reference."""

    title = "RAFT"
    paper = "2304.06767"
    hub_tag = "raft"
    learns_from = "rollouts"
    # The same as those of rlsr, so that a comparison moves the policy alike.
    learning_rates = LearningRates(adapters=1e-4, all_weights=1e-6)

    type: Literal["raft"] = "raft"
    num_generations: int = Field(default=8, ge=2)
    """Responses sampled for each prompt, of which the best is learnt from."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of the responses. They are learnt at a temperature of 1."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus of the sampling."""
    with_reference: bool = False
    """Whether the reference of each prompt, the first of several, is learnt too: the best response is then a second one, and every
    token of both weighs the same."""
    cut: Literal["as_scored", "lowest"] = "lowest"
    """What a response counts as that was cut at the longest, as in ``method.advantage.cut`` of rlsr: what does not end is the best
    of its group only where none ends."""

    @property
    def num_sampled(self) -> int:
        """The responses of which the best is chosen."""
        return self.num_generations

    @property
    def responses_per_prompt(self) -> int:
        """The best response, and the reference."""
        return 1 + self.with_reference

    @property
    def learns_references(self) -> bool:
        """As the setting says."""
        return self.with_reference

    @property
    def in_terms_of_rlsr(self) -> RlsrMethod:
        """How a step samples and compares; likelihood takes the place of GRPO."""
        return RlsrMethod(
            max_prompt_tokens=self.max_prompt_tokens,
            max_response_tokens=self.max_response_tokens,
            num_generations=self.num_generations,
            temperature=self.temperature,
            top_p=self.top_p,
            kl_coefficient=0,
            advantage=AdvantageConfig(cut=self.cut),
        )

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many responses a step samples, and what it learns from."""
        references = f" and {num_prompts} references" if self.with_reference else ""
        return f"the best of {self.num_generations} responses to each of {num_prompts} prompts{references}"

    def training_in_words(self, reward: str) -> str:
        """Say what was learnt, and what chose it."""
        references = ", and the references' tokens" if self.with_reference else ""
        return f"the best of {self.num_generations} responses to each prompt by {reward}{references} made likelier"
