"""The method that asks the policy for the next sentence, or the next few tokens, of a reference."""

from typing import Literal

from pydantic import Field

from rlsr.config.method import RlsrMethod


class RlptMethod(RlsrMethod):
    """RLPT's next-segment reward (arXiv 2509.19249): a reference is given up to a sentence, and the policy writes the next.

    Every sentence of a reference, the first of several, is a prompt of its own. What the policy writes up to its first sentence end is
    rewarded by its similarity to that sentence, where the paper asks a judge, and optimised as in rlsr.
    """

    title = "RLPT"
    paper = "2509.19249"

    type: Literal["rlpt"] = "rlpt"  # type: ignore[assignment]  # the tag of a tagged union
    kl_coefficient: float = Field(default=0.0, ge=0)
    """Weight of the KL divergence from the reference policy; the paper has none."""
    segment: Literal["sentence", "tokens"] = "sentence"
    """What the policy writes next: a sentence, or ``segment_tokens`` tokens wherever they end."""
    segment_tokens: int = Field(default=64, ge=1)
    """Longest sentence that is written, or how many tokens are; at most ``max_response_tokens``, which holds what is given, too. Segments
    whose beginning leaves no room for it there are not asked for, but for the first."""
    stride: int | None = Field(default=None, ge=1)
    """Tokens of the reference from one segment of tokens to the next; null is ``segment_tokens``. Without effect on sentences."""

    @property
    def samples_end(self) -> bool:
        """Sentences do; so many tokens end where they end."""
        return self.segment == "sentence"

    @property
    def longest_sample(self) -> int:
        """Tokens of the longest segment."""
        return min(self.segment_tokens, self.max_response_tokens or self.segment_tokens)

    @property
    def in_terms_of_rlsr(self) -> RlsrMethod:
        """The same with the longest segment as the longest response."""
        return self.model_copy(update={"max_response_tokens": self.longest_sample})

    def batch_in_words(self, num_prompts: int) -> str:
        """Say how many segments a step samples and learns from."""
        length = "one sentence" if self.segment == "sentence" else f"{self.longest_sample} tokens"
        return f"{super().batch_in_words(num_prompts)} of {length}"

    def training_in_words(self, reward: str) -> str:
        """Say what was given and what was rewarded."""
        words = super().training_in_words(reward)
        if self.segment == "sentence":
            return f"the next sentence of the references, which were given up to it: {words}"
        return f"the next {self.longest_sample} tokens of the references, which were given up to there: {words}"
