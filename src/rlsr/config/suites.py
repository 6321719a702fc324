"""Settings of the suites of ``rlsr evaluate --suite``."""

from pydantic import Field

from rlsr.config.base import ConfigTable


class SuiteConfig(ConfigTable):
    """Where a suite has its prompts, and how many of them are asked."""

    path: str | None = Field(default=None, min_length=1)
    """A file with its prompts as its authors publish them; null asks the Hugging Face hub. ``--suite NAME=FILE`` sets it."""
    num_prompts: int | None = Field(default=None, ge=1)
    """How many of its prompts are asked: a sample that is the same for every policy, whatever ``seed`` is; null is all."""
    max_response_tokens: int | None = Field(default=None, ge=1)
    """Longest answer; null is that of the suite's authors."""
