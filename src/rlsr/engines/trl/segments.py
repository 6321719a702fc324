"""References as prompts: what is given of an answer, and the sentence, or the few tokens, that the policy shall write next."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from rlsr.config.rlpt import RlptMethod
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


def segment_additions(method: RlptMethod) -> list[Addition]:
    """What the method rlpt adds to the step of rlsr."""
    return [Sentences() if method.segment == "sentence" else Segments()]


def segments_of(
    method: RlptMethod, records: Sequence[PromptRecord], tokenizer: Any, *, longest_response: int
) -> list[Context]:
    """Make prompts of the segments of all references.

    Args:
        method: What a segment is.
        records: With the references.
        tokenizer: Of the policy.
        longest_response: Tokens that a beginning and its segment have room for.

    Returns:
        At least one context a record, in their order.
    """
    room = longest_response - method.longest_sample

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def cut(record: PromptRecord) -> list[Context]:
        if method.segment == "sentence":
            return next_segments(record, encode, most_given=room)
        return strided_segments(
            record,
            encode,
            tokenizer.decode,
            stride=method.stride or method.longest_sample,
            length=method.longest_sample,
            most_given=room,
        )

    return [context for record in records for context in cut(record)]


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


def strided_segments(
    record: PromptRecord,
    encode: Callable[[str], list[int]],
    decode: Callable[[Sequence[int]], str],
    *,
    stride: int,
    length: int,
    most_given: int,
) -> list[Context]:
    """Make a prompt of every ``stride``-th token of a reference.

    Args:
        record: With the reference; of several the first is taken.
        encode: From a text to its tokens.
        decode: From tokens to their text.
        stride: Tokens from one beginning to the next.
        length: Tokens that are to come next; the last segment may have fewer.
        most_given: Tokens that a beginning may have; a segment behind more is left out, the first one never is.

    Returns:
        One context a segment, in their order. Segments of nothing but white space are left out.

    Source:
        The anchors of energy-based fine-tuning, arXiv 2603.12248: eight tokens from every eighth of the reference. Certainty: readers'
        notes.
    """
    alone = replace(record, other_references=())
    tokens = encode(record.reference)
    contexts = []
    for start in range(0, min(len(tokens), most_given + 1), stride):
        text = decode(tokens[start : start + length])
        if text.strip():
            contexts.append(Context(replace(alone, reference=text), tokens[:start]))
    return contexts or [Context(alone, [])]


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


class Segments(Addition):
    """Shows people what was given."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Put it beside the responses."""
        given = [_text(host.processing_class, row[GIVEN_COLUMN]) for row in step.rows]
        return replace(step, columns={**step.columns, "given": given})


class Sentences(Segments):
    """Ends responses behind their first sentence, too."""

    def end(self, response: list[int], host: HostOverrides) -> list[int]:
        """Cut behind the first sentence; a response of one sentence alone keeps its end of sequence."""
        return first_sentence(response, partial(_text, host.processing_class))


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    text: str = tokenizer.decode(tokens, skip_special_tokens=True)
    return text
