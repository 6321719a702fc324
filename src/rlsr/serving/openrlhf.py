"""What OpenRLHF says of a response: the whole text that its tokens decode to, prompt and special tokens included."""

import re

from rlsr.data.answered import AnsweredPrompt, read_answered
from rlsr.errors import DataError

_SPECIAL = re.compile(r"(?:<\|[^<>|]{1,40}\|>|</s>|<eos>|<pad>|<end_of_turn>|\[PAD\]|\[EOS\])\Z")
"""A token behind a response, as the families of models write it."""
_LONGEST_SPECIAL = 44
_SHORTEST_END = 16
"""A prompt that was cut to its end is known again by as many characters."""


def read_query(query: object, prompt: object, label: object, *, place: str) -> AnsweredPrompt:
    """Read one response.

    Args:
        query: Prompt and response as they decode. A prompt that was too long has lost its beginning.
        prompt: The prompt with its chat template.
        label: The reference, or a list of several.
        place: What it is called, for messages.

    Returns:
        The response without the special tokens behind it; it has ended by itself where there are some.

    Raises:
        DataError: One of them is no text, or the query does not begin with the prompt.
    """
    if not isinstance(query, str) or not isinstance(prompt, str):
        raise DataError(f"{place}: query and prompt must be texts, as OpenRLHF sends them")
    if label is None:
        raise DataError(
            f"{place}: the label must be the reference, got null; name the column that holds it with --data.label_key"
        )
    answered = query[_end_of_prompt(query, prompt, place) :]
    response = _without_special(answered)
    named = {"references": label} if isinstance(label, list) else {"reference": label}
    ended = len(response) < len(answered)
    return read_answered({"prompt": prompt, "response": response, "ended": ended, **named}, place)


def _without_special(text: str) -> str:
    """Take the special tokens off the end, and the space around them."""
    while found := _SPECIAL.search(stripped := text.rstrip(), max(len(stripped) - _LONGEST_SPECIAL, 0)):  # fmt: skip
        text = stripped[: found.start()]
    return text


def _end_of_prompt(query: str, prompt: str, place: str) -> int:
    """Find where the response begins: behind the longest end of the prompt that the query begins with."""
    first = query[:1]
    for cut in range(max(len(prompt) - _SHORTEST_END, 0) + 1):
        if prompt[cut : cut + 1] == first and query.startswith(prompt[cut:]):
            return len(prompt) - cut
    raise DataError(
        f"{place}: the query must begin with its prompt, or with the end of it; the tokenizer of the policy decodes the prompt to other "
        "text than it was made from"
    )
