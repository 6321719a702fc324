"""The table of held-out metrics: what it must hold, and how a report speaks of what it does not."""

from dataclasses import replace
from typing import Any

import pytest

from rlsr.config import config_from_table
from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation.metrics import BUILT_IN, Metric, describe, labelled, metrics_of, tie_margins
from rlsr.evaluation.metrics.checked import counted_scores


def test_every_metric_has_words_a_direction_and_a_key_of_its_own() -> None:
    for name, metric in BUILT_IN.items():
        assert metric.name == name
        assert metric.better
        assert metric.label != name or name == "reward"
    ranks = [metric.rank for metric in BUILT_IN.values() if metric.rank is not None]
    assert len(set(ranks)) == len(ranks)


def test_a_run_measures_what_its_reward_and_encoder_allow() -> None:
    assert [metric.name for metric in metrics_of(config_from_table({}))] == [
        "reward", "similarity", "independent_similarity", "chrf", "bleu", "length_ratio", "repetition", "cut",
    ]  # fmt: skip
    off: dict[str, Any] = {"reward": "logic", "evaluation": {"independent_embedding": None}}
    assert [metric.name for metric in metrics_of(config_from_table(off))][:5] == [
        "reward", "logic", "parsed", "equivalent", "chrf",
    ]  # fmt: skip


def test_a_metric_that_nothing_here_knows_speaks_by_its_name() -> None:
    unknown = describe("of_another_machine")
    assert (unknown.label, unknown.short_label) == ("of another machine",) * 2
    assert (unknown.digits, unknown.better, unknown.tie_margin) == (3, None, None)
    assert labelled("chrf", in_reward=True) == "chrF (in the reward)"
    assert labelled("chrf", in_reward=False) == "chrF"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digits": -1}, "digits must be at least 0, got -1"),
        ({"tie_margin": -0.5}, "a tie_margin is at least 0"),
        ({"better": "lower", "tie_margin": 1.0}, "of which higher is better, got 1 of one with better='lower'"),
    ],
)  # fmt: skip
def test_a_metric_that_cannot_be_says_why(change: dict[str, Any], message: str) -> None:
    mine = Metric("mine", lambda batch: [0.0] * len(batch.responses), better="higher")
    with pytest.raises(ValueError, match=r"must be|is at least") as caught:
        replace(mine, **change)
    assert message in str(caught.value)


def test_margins_that_are_not_named_keep_their_default() -> None:
    assert tie_margins({"chrf": 2.0}) == {
        "independent_similarity": 0.01,
        "chrf": 2.0,
        "bleu": 1.0,
        "exact_match": 0.0,
    }
    assert set(tie_margins({})) == {"independent_similarity", "chrf", "bleu", "exact_match"}
    with pytest.raises(ConfigError) as caught:
        tie_margins({"reward": 0.1})
    assert str(caught.value) == (
        "tie_margins: wins are counted by independent_similarity, chrf, bleu, exact_match, got a margin for 'reward'"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5], "must be one score for each of 2 responses, got 1"),
        ("ab", "must be a list with a number or None for each response, got 'ab'"),
        (0.5, "must be a list with a number or None for each response, got 0.5"),
        ({0: 1.0, 1: 2.0}, "must be a list with a number or None for each response, got {0: 1.0, 1: 2.0}"),
        ([0.5, "0.5"], "must be a finite number, or None where a response cannot be scored, got '0.5' for response 2"),
        ([float("inf"), 0.5], "scored, got inf for response 1"),
        ([[0.5], [0.5]], "scored, got [0.5] for response 1"),
    ],
)  # fmt: skip
def test_what_is_no_score_is_refused(values: Any, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        counted_scores(values, 2, "metric 'mine'")
    assert "metric 'mine'" in str(caught.value)
    assert message in str(caught.value)
    assert str(caught.value).endswith("; mend or uninstall its package")


def test_none_and_nan_are_unscored_and_bools_and_integers_are_numbers() -> None:
    found = counted_scores([None, float("nan"), True, 2], 4, "metric")
    assert found[2:].tolist() == [1.0, 2.0]
    assert str(found[:2].tolist()) == "[nan, nan]"
