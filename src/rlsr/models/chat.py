"""How a conversation becomes the tokens that a policy reads."""

import logging
from collections.abc import Sequence
from typing import Any

from rlsr.data.record import Message

logger = logging.getLogger(__name__)

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For base models, which come without a template: roles in words, a blank line between turns."""


def ensure_chat_template(tokenizer: Any, name: str) -> None:
    """Give a tokenizer without a chat template the plain one.

    It is saved with the trained model, so that the model is asked later in the form that it was trained in.

    Args:
        tokenizer: Changed in place.
        name: The model's name, for the log.
    """
    if tokenizer.chat_template is None:
        logger.warning(
            "%s has no chat template; prompts are written as 'User: ...' and 'Assistant:'", name
        )
        tokenizer.chat_template = PLAIN_TEMPLATE


def as_chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Write messages as the dictionaries that chat templates read.

    Args:
        messages: The turns.

    Returns:
        One dictionary a turn.
    """
    return [{"role": message.role, "content": message.content} for message in messages]


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Encode a prompt up to the place where the policy starts to answer.

    Args:
        tokenizer: With a chat template.
        messages: The prompt's turns.

    Returns:
        Token ids, special tokens of the template included.
    """
    text = tokenizer.apply_chat_template(
        as_chat(messages), add_generation_prompt=True, tokenize=False
    )
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def reference_length(tokenizer: Any, reference: str) -> int:
    """Count a reference in the policy's tokens, end of sequence included.

    Args:
        tokenizer: The policy's.
        reference: The human-written answer.

    Returns:
        Tokens that the policy would have to write.
    """
    return len(tokenizer(reference, add_special_tokens=False)["input_ids"]) + 1
