"""Held-out metrics with one reference and with several."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from rlsr.embeddings import Encoding
from rlsr.evaluation.metrics.independent import best_cosines
from rlsr.evaluation.metrics.length import length_ratio
from rlsr.evaluation.metrics.overlap import bleu, chrf
from rlsr.rewards.similarity import cosine_rewards

WORDS = ["the", "cat", "sat", "on", "a", "mat", "3", "🙂", "dog."]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
answers = st.one_of(texts, st.just(""))
rows = st.lists(st.tuples(answers, st.lists(texts, min_size=1, max_size=4)), min_size=1, max_size=6)


class LetterEmbedder:
    """A text is the number of its letters a, t and s; without them it has no direction."""

    identity = "letters"

    def encode(self, texts: Sequence[str]) -> Encoding:
        vectors = [[text.count(letter) for letter in "ats"] for text in texts]
        return Encoding(np.array(vectors, dtype=np.float32).reshape(len(texts), 3), np.zeros(len(texts), dtype=np.bool_))  # fmt: skip


def measure(name: str, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:  # fmt: skip
    if name == "cosine":
        return list(best_cosines(LetterEmbedder(), responses, references))
    measures = {"chrf": chrf, "bleu": bleu, "length": length_ratio}
    return list(measures[name](responses, references))


MEASURES = pytest.mark.parametrize("name", ["chrf", "bleu", "length", "cosine"])


@MEASURES
@given(rows=rows)
def test_the_order_of_references_and_a_reference_twice_change_nothing(
    name: str, rows: list[tuple[str, list[str]]]
) -> None:
    responses = [response for response, _ in rows]
    found = measure(name, responses, [references for _, references in rows])
    turned = measure(name, responses, [references[::-1] for _, references in rows])
    twice = measure(name, responses, [[*references, references[0]] for _, references in rows])
    assert np.array_equal(found, turned, equal_nan=True)
    assert np.array_equal(found, twice, equal_nan=True)


@MEASURES
@given(rows=rows)
def test_each_prompt_is_measured_by_its_own_references(
    name: str, rows: list[tuple[str, list[str]]]
) -> None:
    whole = measure(name, [response for response, _ in rows], [references for _, references in rows])  # fmt: skip
    alone = [measure(name, [response], [references])[0] for response, references in rows]
    assert whole == pytest.approx(alone, nan_ok=True, abs=1e-6)


@given(pairs=st.lists(st.tuples(answers, texts), min_size=1, max_size=6))
def test_with_one_reference_every_number_is_that_of_the_pair(pairs: list[tuple[str, str]]) -> None:
    responses = [response for response, _ in pairs]
    references = [(reference,) for _, reference in pairs]
    chrfs = [CHRF().sentence_score(response, [reference]).score for response, reference in pairs]
    bleus = [
        BLEU(effective_order=True).sentence_score(response, [reference]).score
        for response, reference in pairs
    ]
    assert chrf(responses, references).tolist() == chrfs
    assert bleu(responses, references).tolist() == bleus
    assert length_ratio(responses, references).tolist() == [
        len(response) / len(reference) for response, reference in pairs
    ]
    encoded = LetterEmbedder().encode([*responses, *(reference for _, reference in pairs)]).vectors
    cosines = cosine_rewards(encoded[: len(pairs)], encoded[len(pairs) :])
    expected = np.where([not response for response in responses], 0.0, cosines)
    assert np.array_equal(best_cosines(LetterEmbedder(), responses, references), expected, equal_nan=True)  # fmt: skip


@given(response=texts, references=st.lists(texts, min_size=1, max_size=3), further=texts)
def test_a_further_reference_never_takes_away(
    response: str, references: list[str], further: str
) -> None:
    for name in ("chrf", "cosine"):
        (without,), (with_it,) = (
            measure(name, [response], [given]) for given in (references, [*references, further])
        )
        assert not with_it < without
    (best,) = chrf([response], [references])
    assert best == max(chrf([response], [[one]])[0] for one in references)


@given(response=texts, references=st.lists(texts, min_size=1, max_size=4))
def test_length_is_compared_to_the_reference_that_is_closest_in_length(
    response: str, references: list[str]
) -> None:
    (ratio,) = length_ratio([response], [references])
    gaps = [abs(len(one) - len(response)) for one in references]
    assert abs(len(response) / ratio - len(response)) == pytest.approx(min(gaps))
    assert length_ratio([response], [[*references, response]]).tolist() == [1.0]
