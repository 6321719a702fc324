"""What every training method has."""

from pydantic import Field

from rlsr.config.base import ConfigTable


class MethodTable(ConfigTable):
    """Lengths, and what an engine asks of any method."""

    max_prompt_tokens: int = Field(default=2048, ge=1)
    """Longest prompt, chat template included; a longer one is a bad row."""
    max_response_tokens: int | None = Field(default=None, ge=1, le=32768)
    """Longest response; null is twice the 95th percentile of the references, between 32 and 2,048. Methods that learn from
    the references cut longer ones there and teach no end to them."""

    @property
    def responses_per_prompt(self) -> int:
        """Responses of a prompt that the update learns from."""
        return 1

    @property
    def is_supervised(self) -> bool:
        """Whether the method learns from the references alone."""
        return False

    @property
    def learns_references(self) -> bool:
        """Whether the tokens of the references are learnt from, alone or beside others."""
        return self.is_supervised

    @property
    def needs_reference(self) -> bool:
        """Whether the policy before training takes part."""
        return False
