"""Prompts in a policy's tokens: counted, or bounded without its tokenizer where that is enough."""

from collections.abc import Sequence
from typing import Any, Final

from rlsr.data.record import Message
from rlsr.models.chat import chat_text, count_texts

_EXPANSION: Final = 11
"""Times that normalising lengthens a text in UTF-8 at most (UAX 15, "Maximum Expansion Factor"); text in ASCII stays as it is."""
_SLACK: Final = 8
"""Tokens that a tokenizer may add before each text, as a mark of its beginning."""


class PromptLengths:
    """Counts the tokens of prompts, chat template included.

    Args:
        tokenizer: The policy's, with a chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._template_bytes: dict[tuple[str, ...], int | None] = {}

    def count(self, prompts: Sequence[Sequence[Message]]) -> list[int]:
        """Count the tokens of prompts.

        Args:
            prompts: The turns of each.

        Returns:
            As many numbers.

        Raises:
            DataError: The template refuses a prompt.
        """
        return count_texts(self._tokenizer, [chat_text(self._tokenizer, one) for one in prompts])

    def count_within(self, prompt: Sequence[Message], budget: int) -> int:
        """Count the tokens of one prompt; where they are certainly within a budget, give a number that may be too high, but is within it.

        A token stands for at least one byte of the normalised text, so that most prompts of a large set need no tokenizer.

        Args:
            prompt: Its turns.
            budget: Tokens.

        Raises:
            DataError: The template refuses the prompt.
        """
        template = self._bytes_of_template(prompt)
        if template is not None:
            bound = template + sum(_most_bytes(turn.content) for turn in prompt) + _SLACK
            if bound <= budget:
                return bound
        return self.count([prompt])[0]

    def size(self, prompt: Sequence[Message]) -> int:
        """Measure a prompt in bytes of UTF-8, with what the template adds.

        Args:
            prompt: Its turns.
        """
        content = sum(len(turn.content.encode()) for turn in prompt)
        return content + (self._bytes_of_template(prompt) or 0)

    def _bytes_of_template(self, prompt: Sequence[Message]) -> int | None:
        """Count what the template adds to turns of these roles; None where that depends on what they say."""
        roles = tuple(turn.role for turn in prompt)
        if roles not in self._template_bytes:
            short, long = (
                len(
                    chat_text(
                        self._tokenizer, [Message(turn.role, text) for turn in prompt]
                    ).encode()
                )
                - len(text) * len(prompt)
                for text in ("x", "x" * 100)
            )
            self._template_bytes[roles] = short if short == long else None
        return self._template_bytes[roles]


def _most_bytes(text: str) -> int:
    """Bound the bytes of a text after any normalising."""
    num_bytes = len(text.encode())
    # A character of two bytes is the densest: one byte beyond its place in the text.
    beyond_ascii = 2 * (num_bytes - len(text))
    return num_bytes + (_EXPANSION - 1) * beyond_ascii
