"""How a conversation becomes the tokens that a policy reads."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from rlsr.config.model import ModelConfig
from rlsr.data.record import Message
from rlsr.errors import DataError

logger = logging.getLogger(__name__)

PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For base models, which come without a template: roles in words, a blank line between turns."""


def prepare_chat_template(tokenizer: Any, config: ModelConfig) -> None:
    """Settle how the policy is asked: by its own template or the plain one, with the config's variables set.

    The template is saved with the trained model, so that the model is asked later in the form that it was trained in.
    The variables are written into the template itself, so that rollouts, evaluation and later use cannot differ.

    Args:
        tokenizer: Changed in place.
        config: Its name is for the log; ``chat_template_kwargs`` are the variables.
    """
    if tokenizer.chat_template is None:
        logger.warning(
            "%s has no chat template; prompts are written as 'User: ...' and 'Assistant:'",
            config.name,
        )
        tokenizer.chat_template = PLAIN_TEMPLATE
    variables = [
        f"{{%- set {name} = {json.dumps(value)} -%}}"
        for name, value in config.chat_template_kwargs.items()
    ]
    tokenizer.chat_template = "".join([*variables, tokenizer.chat_template])


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

    Raises:
        DataError: The template refuses the prompt, as some refuse system messages.
    """
    ids: list[int] = tokenizer(chat_text(tokenizer, messages), add_special_tokens=False)[
        "input_ids"
    ]
    return ids


def chat_text(tokenizer: Any, messages: Sequence[Message]) -> str:
    """Write a prompt as the template does, up to the place where the policy starts to answer.

    Args:
        tokenizer: With a chat template.
        messages: The prompt's turns.

    Raises:
        DataError: The template refuses the prompt, as some refuse system messages.
    """
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(
            as_chat(messages), add_generation_prompt=True, tokenize=False
        )
    except TemplateError as error:
        raise DataError(
            f"the policy's chat template refuses the prompt: {error}; change the row or use another policy"
        ) from error
    return text


def answered_ids(tokenizer: Any, messages: Sequence[Message], response: str) -> list[int]:
    """Encode a prompt with a response to it, as the template writes a conversation that has come to an end.

    Args:
        tokenizer: With a chat template.
        messages: The prompt's turns.
        response: What answers them.

    Returns:
        Token ids, special tokens of the template included.

    Raises:
        DataError: The template refuses the conversation, as some refuse system messages.
    """
    from jinja2 import TemplateError

    turns = [*as_chat(messages), {"role": "assistant", "content": response}]
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False)
    except TemplateError as error:
        raise DataError(
            f"the model's chat template refuses a prompt with its answer: {error}; change the row or use another model"
        ) from error
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def response_ids(tokenizer: Any, text: str, *, max_response_tokens: int) -> list[int]:
    """Encode a response as the policy would have to write it: with the end of sequence, unless it is cut.

    Args:
        tokenizer: The policy's.
        text: The response.
        max_response_tokens: Longest response, end of sequence included.

    Returns:
        Token ids, at least one.
    """
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, tokenizer.eos_token_id][:max_response_tokens]


def reference_lengths(tokenizer: Any, references: Sequence[str]) -> list[int]:
    """Count references in the policy's tokens, end of sequence included.

    Args:
        tokenizer: The policy's.
        references: The human-written answers.

    Returns:
        Tokens that the policy would have to write, for each.
    """
    return [num_tokens + 1 for num_tokens in count_texts(tokenizer, references)]


def count_texts(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Count the tokens of texts, without special tokens, all of them at once.

    Args:
        tokenizer: The policy's.
        texts: At least one.
    """
    encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
    return [len(ids) for ids in encoded["input_ids"]]
