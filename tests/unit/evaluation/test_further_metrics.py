"""Distinct n-grams and exact matches."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import config_from_table
from rlsr.evaluation.metrics import describe, in_reward, metrics_of
from rlsr.evaluation.metrics.diversity import distinct
from rlsr.evaluation.metrics.exact import exact_match

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


@given(texts=st.lists(WORDS, max_size=5), n=st.integers(1, 3))
def test_distinct_counts_each_n_gram_once(texts: list[list[str]], n: int) -> None:
    expected = []
    for words in texts:
        counts: Counter[str] = Counter()
        for start in range(max(0, len(words) - n + 1)):
            counts[" ".join(words[start : start + n])] += 1
        expected.append(len(counts) / counts.total() if counts else np.nan)
    np.testing.assert_array_equal(distinct(n, [" ".join(words) for words in texts]), expected)


def test_distinct_takes_words_for_words() -> None:
    text = "The cat, the CAT! The dog."
    assert distinct(1, [text, "", "..."]).tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)  # fmt: skip
    assert distinct(2, [text, "one"]).tolist() == pytest.approx([3 / 5, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("response", "references", "expected"),
    [
        ("Paris", ["paris."], 1.0),
        ("It is Paris", ["Paris"], 0.0),
        ("", ["Paris"], 0.0),
        ("four", ["4", "  Four "], 1.0),
        ("one two three four five", ["One, two, three, four, five!"], 1.0),
        ("one two three four five six", ["one two three four five six"], np.nan),
        ("b", ["a much longer text than any short answer has", "b"], 1.0),
        ("!", ["?"], np.nan),
    ],
)
def test_exact_matches_are_of_short_references(
    response: str, references: list[str], expected: float
) -> None:
    np.testing.assert_array_equal(exact_match([response], [references]), [expected])


def test_they_are_measured_where_they_are_asked_for() -> None:
    plain, further = (
        config_from_table(
            {"reward": reward, "evaluation": {"further_metrics": ["distinct", "exact_match"]}}
            if reward
            else {}
        )
        for reward in ("", "exact")
    )
    names = {metric.name for metric in metrics_of(further)}
    assert {"distinct_1", "distinct_2", "exact_match"} <= names
    assert not {"distinct_1", "exact_match"} & {metric.name for metric in metrics_of(plain)}
    assert in_reward("exact_match", further)
    assert not in_reward("exact_match", plain)
    assert not in_reward("distinct_2", further)
    assert describe("distinct_2").better == "higher"
