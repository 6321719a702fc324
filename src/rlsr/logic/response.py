"""The formula in what a model wrote."""

import re

_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:```|$)", re.DOTALL)
_INLINE = re.compile(r"`+([^`]*)`+|\$+([^$]*)\$+")
_LABEL = re.compile(r"(?:FOL|first-order logic|formula|answer|response|output)\s*:", re.IGNORECASE)
_END_OF_SEQUENCE = re.compile(r"<\|[^|>]*\|>|</?s>|<eos>|<end_of_turn>|\[/?INST\]")


def formula_text(response: str) -> str:
    """Cut a response down to its formula.

    Taken away, in this order: marks of the end of a sequence or turn and all that follows the first of them; what stands
    around a block in code fences, the first one counting; a leading label (FOL, first-order logic, formula, answer,
    response or output, with a colon); backquotes or dollar signs around the whole. Everything else stays: explanations
    make a response unreadable, and that is for the policy to unlearn.

    Args:
        response: What a model wrote.

    Returns:
        The text to be read as a formula; empty where nothing is left.
    """
    text = response.strip()
    ending = _END_OF_SEQUENCE.search(text)
    if ending is not None:
        text = text[: ending.start()]
    fence = _FENCE.search(text)
    if fence is not None:
        text = fence.group(1)
    text = text.strip()
    label = _LABEL.match(text)
    if label is not None:
        text = text[label.end() :].strip()
    inline = _INLINE.fullmatch(text)
    if inline is not None:
        text = inline.group(1) or inline.group(2) or ""
    return text.strip()
