"""Held-out metrics of single responses."""

from collections.abc import Sequence

import numpy as np
import pytest

from rlsr.config.reward import RepetitionConfig
from rlsr.embeddings import Encoding
from rlsr.evaluation.metrics import bleu, chrf, embedding_similarity, length_ratio, repetition

NAN = float("nan")


class TableEmbedder:
    """Looks vectors up; remembers every call."""

    identity = "table"
    table = {"east": (1.0, 0.0), "north": (0.0, 1.0), "between": (3.0, 4.0), "": (1.0, 0.0)}  # noqa: RUF012

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Encoding:
        self.calls.append(list(texts))
        rows = [self.table.get(text, (0.0, 0.0)) for text in texts]
        return Encoding(
            np.array(rows, dtype=np.float32).reshape(len(texts), 2),
            np.zeros(len(texts), dtype=np.bool_),
        )


def test_similarity_is_the_cosine_to_the_own_reference_in_one_call() -> None:
    embedder = TableEmbedder()
    found = embedding_similarity(embedder, ["east", "between", "east"], ["east", "east", "north"])
    assert found == pytest.approx([1.0, 0.6, 0.0])
    assert embedder.calls == [["east", "between", "east", "east", "east", "north"]]


def test_an_empty_response_means_nothing_and_a_reference_without_direction_is_unscored() -> None:
    found = embedding_similarity(
        TableEmbedder(), ["", " \n", "east", "unknown"], ["east", "east", "unknown", "east"]
    )
    assert found == pytest.approx([0.0, 0.0, NAN, NAN], nan_ok=True)


def test_chrf_is_100_for_equal_and_0_for_disjoint_texts() -> None:
    found = chrf(["The cat sat.", "xyz", "", "The cat sat"], ["The cat sat."] * 4)
    assert found[:3] == pytest.approx([100.0, 0.0, 0.0])
    assert 80 < found[3] < 100
    assert chrf([], []).shape == (0,)


def test_chrf_by_hand() -> None:
    # n = 1: all 3 match; n = 2: "ab" of 2; n = 3: none of 1; longer n-grams do not exist and are
    # left out. Precision and recall are equal, so that beta does not matter.
    (found,) = chrf(["abc"], ["cab"])
    assert found == pytest.approx(100 * (1 + 1 / 2 + 0) / 3)


def test_chrf_weighs_recall_more_than_precision() -> None:
    short, long = chrf(["the cat", "the cat sat on the mat today"], ["the cat sat on"] * 2)
    assert long > short


def test_bleu_is_100_for_equal_and_0_for_empty_texts() -> None:
    found = bleu(["The cat sat.", "", "Hi"], ["The cat sat.", "The cat sat.", "Hi"])
    assert found == pytest.approx([100.0, 0.0, 100.0])
    assert bleu([], []).shape == (0,)


def test_bleu_by_hand() -> None:
    # Three words of three: 2 of 3 single words, 1 of 2 pairs, no triple: smoothed to 1 / 2 of one.
    (found,) = bleu(["a b c"], ["a b d"])
    assert found == pytest.approx(100 * (2 / 3 * 1 / 2 * 1 / 2) ** (1 / 3))


def test_bleu_looks_at_the_order_of_words() -> None:
    right, wrong = bleu(
        ["the cat sat on the mat", "mat the on sat cat the"], ["the cat sat on the mat"] * 2
    )
    assert right > wrong > 0


def test_lengths_are_compared_in_characters() -> None:
    found = length_ratio(["", "🙂🙂", "four"], ["abc", "🙂", "12345678"])
    assert found.tolist() == [0.0, 2.0, 0.5]


@pytest.mark.parametrize("enabled", [True, False])
def test_repetition_is_counted_even_where_the_reward_does_not_apply_the_rule(
    enabled: bool,
) -> None:
    rule = RepetitionConfig(enabled=enabled)
    assert repetition(rule, ["Q"] * 2, ["x" * 150, "fine"], ["R"] * 2).tolist() == [1.0, 0.0]


def test_repetition_follows_the_reading_of_the_rule() -> None:
    rule = RepetitionConfig(between="prompt_and_response", min_characters=3)
    found = repetition(rule, ["abcdef", "ghijkl"], ["abcdef", "abcdef"], ["R"] * 2)
    assert found.tolist() == [1.0, 0.0]


def test_texts_without_a_partner_are_refused() -> None:
    for measure in (chrf, bleu, length_ratio):
        with pytest.raises(ValueError, match="zip"):
            measure(["a", "b"], ["a"])
