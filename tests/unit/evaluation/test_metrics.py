"""Held-out metrics of single responses."""

from collections.abc import Sequence

import numpy as np
import pytest

from rlsr.config.reward import RepetitionConfig
from rlsr.data.record import Message, PromptRecord
from rlsr.embeddings import Encoding
from rlsr.evaluation.metrics.independent import best_cosines
from rlsr.evaluation.metrics.length import length_ratio
from rlsr.evaluation.metrics.overlap import bleu, chrf
from rlsr.evaluation.metrics.repetition import repetition, repetition_rule

NAN = float("nan")


def each(references: Sequence[str]) -> list[tuple[str, ...]]:
    """One reference a prompt."""
    return [(reference,) for reference in references]


def records(prompts: Sequence[str], *references: str) -> list[PromptRecord]:
    return [
        PromptRecord(str(row), (Message("user", prompt),), references[0], f"f:{row}", other_references=references[1:])
        for row, prompt in enumerate(prompts)
    ]  # fmt: skip


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
    found = best_cosines(embedder, ["east", "between", "east"], each(["east", "east", "north"]))
    assert found == pytest.approx([1.0, 0.6, 0.0])
    assert embedder.calls == [["east", "between", "east", "east", "east", "north"]]


def test_an_empty_response_means_nothing_and_a_reference_without_direction_is_unscored() -> None:
    found = best_cosines(
        TableEmbedder(), ["", " \n", "east", "unknown"], each(["east", "east", "unknown", "east"])
    )
    assert found == pytest.approx([0.0, 0.0, NAN, NAN], nan_ok=True)


def test_chrf_is_100_for_equal_and_0_for_disjoint_texts() -> None:
    found = chrf(["The cat sat.", "xyz", "", "The cat sat"], each(["The cat sat."] * 4))
    assert found[:3] == pytest.approx([100.0, 0.0, 0.0])
    assert 80 < found[3] < 100
    assert chrf([], []).shape == (0,)


def test_chrf_by_hand() -> None:
    # n = 1: all 3 match; n = 2: "ab" of 2; n = 3: none of 1; longer n-grams do not exist and are
    # left out. Precision and recall are equal, so that beta does not matter.
    (found,) = chrf(["abc"], [["cab"]])
    assert found == pytest.approx(100 * (1 + 1 / 2 + 0) / 3)


def test_chrf_weighs_recall_more_than_precision() -> None:
    short, long = chrf(["the cat", "the cat sat on the mat today"], each(["the cat sat on"] * 2))
    assert long > short


def test_bleu_is_100_for_equal_and_0_for_empty_texts() -> None:
    found = bleu(["The cat sat.", "", "Hi"], each(["The cat sat.", "The cat sat.", "Hi"]))
    assert found == pytest.approx([100.0, 0.0, 100.0])
    assert bleu([], []).shape == (0,)


def test_bleu_by_hand() -> None:
    # Three words of three: 2 of 3 single words, 1 of 2 pairs, no triple: smoothed to 1 / 2 of one.
    (found,) = bleu(["a b c"], [["a b d"]])
    assert found == pytest.approx(100 * (2 / 3 * 1 / 2 * 1 / 2) ** (1 / 3))


def test_bleu_looks_at_the_order_of_words() -> None:
    right, wrong = bleu(
        ["the cat sat on the mat", "mat the on sat cat the"], each(["the cat sat on the mat"] * 2)
    )
    assert right > wrong > 0


def test_lengths_are_compared_in_characters() -> None:
    found = length_ratio(["", "🙂🙂", "four"], each(["abc", "🙂", "12345678"]))
    assert found.tolist() == [0.0, 2.0, 0.5]


@pytest.mark.parametrize("enabled", [True, False])
def test_repetition_is_counted_even_where_the_reward_does_not_apply_the_rule(
    enabled: bool,
) -> None:
    rule = repetition_rule({"repetition": {"enabled": enabled}})
    assert repetition(rule, records(["Q"] * 2, "R"), ["x" * 150, "fine"]).tolist() == [1.0, 0.0]


def test_repetition_follows_the_reading_of_the_rule() -> None:
    rule = RepetitionConfig(between="prompt_and_response", min_characters=3)
    found = repetition(rule, records(["abcdef", "ghijkl"], "R"), ["abcdef", "abcdef"])
    assert found.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "reward",
    [{}, {"type": "logic"}, {"repetition": 0.5}, {"repetition": {"of": "another version"}}],
)
def test_a_reward_without_a_rule_that_is_known_here_is_measured_by_the_default_one(
    reward: dict[str, object],
) -> None:
    assert repetition_rule(reward) == RepetitionConfig()


def test_of_several_references_the_closest_counts() -> None:
    found = best_cosines(
        TableEmbedder(), ["between", "east", "east"], [("east", "north"), ("unknown", "east"), ("unknown",)]
    )  # fmt: skip
    assert found == pytest.approx([0.8, 1.0, NAN], nan_ok=True)
    assert length_ratio(["four", "four", "four"], [("12", "123456789"), ("12", "123456"), ("four", "x")]).tolist() == [2.0, 2.0, 1.0]  # fmt: skip
    assert chrf(["the cat"], [("a dog", "the cat")]).tolist() == [100.0]
    # Each n-gram may be in another reference.
    assert bleu(["the cat sat"], [("the cat", "sat")]) > bleu(["the cat sat"], [("the cat",)])


def test_a_passage_that_one_reference_is_long_enough_for_is_allowed() -> None:
    rule = RepetitionConfig(min_characters=3, min_reference_share=0.5)
    short, long = "R", "R" * 100
    answer = ["a passage, a passage"]
    assert repetition(rule, records(["Q"], short), answer).tolist() == [1.0]
    assert repetition(rule, records(["Q"], short, long), answer).tolist() == [0.0]


def test_texts_without_a_partner_are_refused() -> None:
    for measure in (chrf, bleu, length_ratio):
        with pytest.raises(ValueError, match="zip"):
            measure(["a", "b"], [["a"]])
