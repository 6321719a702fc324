"""The method that learns the best of the policy's own responses as SFT learns a reference."""

from typing import Literal

from pydantic import Field

from rlsr.config.method import AdvantageConfig, RlsrMethod
from rlsr.config.osft import OsftMethod


class RaftMethod(OsftMethod):
    """RAFT (arXiv 2304.06767): the response with the highest reward of each group is made likelier, alone or beside the reference."""

    title = "RAFT"
    paper = "2304.06767"
    hub_tag = "raft"

    type: Literal["raft"] = "raft"  # type: ignore[assignment]  # the tag of a tagged union
    num_generations: int = Field(default=8, ge=2)
    """Responses sampled for each prompt, of which the best is learnt from."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of the responses. They are learnt at a temperature of 1."""
    with_reference: bool = False
    """Whether the reference of each prompt, the first of several, is learnt too: the best response is then a second one, and every
    token of both weighs the same."""
    cut: Literal["as_scored", "lowest"] = "lowest"
    """What a response counts as that was cut at the longest, as in ``method.advantage.cut`` of rlsr: what does not end is the best
    of its group only where none ends."""

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
        advantage = AdvantageConfig(cut=self.cut)
        return super().in_terms_of_rlsr.model_copy(update={"advantage": advantage})

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many responses a step samples, and what it learns from."""
        references = f" and {num_prompts} references" if self.with_reference else ""
        return f"the best of {self.num_generations} responses to each of {num_prompts} prompts{references}"

    def training_in_words(self, reward: str) -> str:
        """Say what was learnt, and what chose it."""
        references = ", and the references' tokens" if self.with_reference else ""
        return f"the best of {self.num_generations} responses to each prompt by {reward}{references} made likelier"
