"""References as prompts: what is given of an answer, and the sentence that the policy shall write next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from rlsr.data.record import PromptRecord
from rlsr.data.sentences import sentence_spans
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.step import GIVEN_COLUMN, Addition, Step


class Context(NamedTuple):
    """A prompt together with the beginning of its answer."""

    record: PromptRecord
    """Its reference is what is to come next."""
    given: list[int]
    """Tokens of the answer up to there; none where all of it is to be written."""


def next_segments(
    record: PromptRecord, encode: Callable[[str], list[int]], *, most_given: int
) -> list[Context]:
    """Make a prompt of every sentence of a reference.

    Args:
        record: With the reference; of several the first is taken.
        encode: From a text to its tokens.
        most_given: Tokens that a beginning may have; a sentence behind more is left out, the first one never is.

    Returns:
        One context a sentence, in their order.

    Source:
        Autoregressive segment reasoning of RLPT, arXiv 2509.19249: the text before s_i is given, and s_i is to be predicted.
        Certainty: readers' notes, where a segment is a sentence.
    """
    text = record.reference
    spans = sentence_spans(text)
    contexts, end = [], 0
    for start, stop in spans:
        given = encode(text[:end]) if end else []
        if len(given) <= most_given:
            segment = replace(record, reference=text[start:stop], other_references=())
            contexts.append(Context(segment, given))
        end = stop
    return contexts or [Context(record, [])]


def first_sentence(tokens: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[int]:
    """Cut a text behind its first sentence.

    Args:
        tokens: Of the text.
        decode: From tokens to their text.

    Returns:
        The fewest first tokens that hold the whole sentence; all where it has no end, and where nothing stands behind it.
    """
    spans = sentence_spans(decode(tokens))
    if len(spans) < 2:
        return list(tokens)
    end = spans[0][1]
    for count in range(1, len(tokens)):
        if len(decode(tokens[:count])) >= end:
            return list(tokens[:count])
    return list(tokens)


@dataclass(frozen=True)
class OneSentence(Addition):
    """Ends responses behind their first sentence."""

    def end(self, response: list[int], host: HostOverrides) -> list[int]:
        """Cut behind the first sentence; a response of one sentence alone keeps its end of sequence."""
        return first_sentence(response, partial(_text, host.processing_class))

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Let people see what was given."""
        given = [_text(host.processing_class, row[GIVEN_COLUMN]) for row in step.rows]
        return replace(step, columns={**step.columns, "given": given})


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    text: str = tokenizer.decode(tokens, skip_special_tokens=True)
    return text
