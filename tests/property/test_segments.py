"""References cut into what is given and the sentence, or the tokens, that come next, and responses cut behind their first sentence."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rlsr.data import Message, PromptRecord
from rlsr.data.sentences import sentence_spans
from rlsr.engines.trl.segments import first_sentence, next_segments, strided_segments

pieces = st.sampled_from(
    ["The cat sat", " on a mat", ".", "!", "?", " ", "\n", "Then it ran", "3.5", "e.g. red"]
)
texts = st.lists(pieces, min_size=1, max_size=12).map("".join).filter(str.strip)


def record(reference: str) -> PromptRecord:
    message = Message("user", "Tell me")
    return PromptRecord("1", (message,), reference, "row 1", other_references=("Another one.",))


def characters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def text_of(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


@given(texts)
def test_given_and_next_are_the_reference_up_to_there(text: str) -> None:
    found = next_segments(record(text), characters, most_given=10_000)
    assert len(found) == len(sentence_spans(text))
    assert found[0].given == []
    for context in found:
        given_text, segment = text_of(context.given), context.record.reference
        assert text.startswith(given_text)
        assert text[len(given_text) :].lstrip().startswith(segment)
        assert segment == segment.strip() != ""
        assert len(sentence_spans(segment)) == 1
        assert context.record.references == (segment,), "other answers have other sentences"
        assert context.record.messages == record(text).messages
    assert text.rstrip().endswith(found[-1].record.reference)
    lengths = [len(context.given) for context in found]
    assert lengths == sorted(set(lengths))


@given(texts, st.integers(0, 40))
def test_a_sentence_behind_too_much_is_left_out_but_the_first_never_is(
    text: str, most: int
) -> None:
    every = next_segments(record(text), characters, most_given=10_000)
    found = next_segments(record(text), characters, most_given=most)
    assert found == [context for context in every if len(context.given) <= most]
    assert found


@given(texts, st.integers(1, 9), st.integers(1, 9), st.integers(0, 40))
def test_segments_of_tokens_begin_at_every_stride(
    text: str, stride: int, length: int, most: int
) -> None:
    found = strided_segments(
        record(text), characters, text_of, stride=stride, length=length, most_given=most
    )
    expected = [
        (text[:start], text[start : start + length])
        for start in range(0, len(text), stride)
        if start <= most and text[start : start + length].strip()
    ]
    assert [(text_of(context.given), context.record.reference) for context in found] == (
        expected or [("", text)]
    )
    for context in found:
        assert context.record.references == (context.record.reference,)
        assert context.record.messages == record(text).messages


@given(st.lists(pieces, max_size=12))
def test_a_response_ends_with_the_token_that_ends_its_first_sentence(parts: list[str]) -> None:
    tokens = list(range(len(parts)))

    def decode(chosen: Sequence[int]) -> str:
        return "".join(parts[token] for token in chosen)

    found = first_sentence(tokens, decode)
    assert found == tokens[: len(found)]
    spans = sentence_spans(decode(tokens))
    if len(spans) < 2:
        assert found == tokens
        return
    end = spans[0][1]
    assert len(decode(found)) >= end
    assert len(decode(found[:-1])) < end, "no token too many"
