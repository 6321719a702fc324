"""Held-out metrics before and after, and which differences are read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.evaluation import MetricChange, how_to_read, num_scored
from rlsr.evaluation.change import Floats, metric_changes
from rlsr.evaluation.metrics import BUILT_IN
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics import bootstrap_mean
from rlsr.statistics.estimate import FEWEST_UNITS

NAN = float("nan")


def changes_of(
    before: dict[str, Floats], after: dict[str, Floats], confidence: float = 0.95
) -> tuple[MetricChange, ...]:
    return metric_changes(
        before, after, lambda name: name == "reward", confidence=confidence, num_resamples=200
    )


def scores(num: int, names: tuple[str, ...] = tuple(BUILT_IN), seed: int = 0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0.5, 0.1, num) for name in names}


def test_three_metrics_that_no_reward_has_are_primary_and_share_the_error() -> None:
    before, after = scores(40), scores(40, seed=1)
    found = {change.name: change for change in changes_of(before, after, 0.9)}
    assert list(found) == list(BUILT_IN)
    assert [name for name, change in found.items() if change.is_primary] == [
        "logic", "independent_similarity", "chrf"
    ]  # fmt: skip
    for name, change in found.items():
        assert change.confidence == pytest.approx(1 - 0.1 / 3)
        assert change.difference == bootstrap_mean(
            after[name] - before[name], confidence=1 - 0.1 / 3, num_resamples=200
        )
        assert change.before == bootstrap_mean(before[name], confidence=0.9, num_resamples=200)


def test_only_primary_metrics_are_read_however_clear_the_others_are() -> None:
    before = scores(40, ("chrf", "bleu", "independent_similarity", "reward", "cut"))
    after = {name: values + (1 if name != "bleu" else -1) for name, values in before.items()}
    readings = {change.name: change.reading for change in changes_of(before, after)}
    assert readings == {
        "chrf": "up", "bleu": "down", "independent_similarity": "up", "reward": "", "cut": ""
    }  # fmt: skip


@given(st.integers(1, FEWEST_UNITS - 1), st.floats(-5, 5))
def test_too_few_prompts_have_numbers_and_no_reading(num: int, moved: float) -> None:
    before = scores(num, ("chrf", "bleu"))
    found = changes_of(before, {name: values + moved for name, values in before.items()})
    assert [change.reading for change in found] == ["", ""]
    assert all(np.isnan(change.difference.low) for change in found)
    assert found[0].difference.mean == pytest.approx(moved)
    assert how_to_read(found, 0.95).startswith(f"{num} prompt")


def test_a_metric_that_few_prompts_have_is_not_read_beside_others_that_are() -> None:
    before, after = scores(40, ("chrf", "bleu")), scores(40, ("chrf", "bleu"), seed=1)
    after["bleu"][5:] = NAN
    chrf, bleu = changes_of(before, after)
    assert (chrf.reading != "", bleu.reading) == (True, "")
    assert num_scored([bleu, chrf]) == 40


@pytest.mark.slow
def test_chance_makes_no_headline_more_often_than_the_level_says() -> None:
    names = ("independent_similarity", "chrf", "bleu", "length_ratio", "cut")
    read = 0
    for seed in range(100):
        same = changes_of(scores(64, names, seed), scores(64, names, seed + 1000))
        read += any(change.reading in {"up", "down"} for change in same)
    # 5 expected, some more since intervals of 64 prompts are a little too narrow; uncorrected it would be 14 and more.
    assert read <= 13


def test_a_table_says_which_metrics_are_read_and_at_which_level() -> None:
    found = changes_of(scores(40), scores(40, seed=1))
    assert how_to_read(found, 0.95) == (
        "readings are of the primary metrics (logic similarity, similarity by an independent encoder, chrF); at 98.33% each they "
        "hold together at 95%; other differences have an interval and no reading"
    )
    same = scores(40, ("chrf", "cut"))
    assert "together" not in how_to_read(changes_of(same, same), 0.95)


def test_changes_of_older_files_are_read_without_a_reading() -> None:
    same = scores(40, ("chrf",))
    (change,) = changes_of(same, same)
    table = to_table(change)
    del table["is_primary"], table["confidence"]
    older = from_table(MetricChange, table)
    assert (older.difference, older.reading) == (change.difference, "")
    assert how_to_read([older], 0.95) == ""
