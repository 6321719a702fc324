"""benchmarks/claim_over_sets.py: numbers that are made of the means of several sets."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.statistics.resamples import Floats

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("claim_over_sets")


def scores(level: float, seed: int, shape: tuple[int, int] = (3, 80)) -> Floats:
    found: Floats = np.random.default_rng(seed).normal(level, 0.2, shape)
    return found


def test_sets_weigh_the_same_however_many_prompts_they_have(module: Any) -> None:
    small = (scores(0.5, 1, (3, 20)), scores(0.4, 2, (3, 20)))
    large = (scores(0.9, 3, (3, 400)), scores(0.3, 4, (3, 400)))
    mean, low, high = module.over_sets([small, large], module.mean_difference, 0.95)
    expected = np.mean([ours.mean() - theirs.mean() for ours, theirs in (small, large)])
    assert mean == pytest.approx(expected)
    assert low < mean < high


def test_what_differs_by_the_same_everywhere_has_no_width(module: Any) -> None:
    tables = [(scores(0.4, place) + 0.1, scores(0.4, place)) for place in range(3)]
    assert module.over_sets(tables, module.mean_difference, 0.95) == pytest.approx((0.1, 0.1, 0.1))


def test_more_sets_say_more(module: Any) -> None:
    def width(num_sets: int) -> float:
        tables = [(scores(0.5, place), scores(0.4, 50 + place)) for place in range(num_sets)]
        _, low, high = module.over_sets(tables, module.mean_difference, 0.95)
        return float(high - low)

    assert width(4) == pytest.approx(width(1) / 2, rel=0.25)


def test_the_ratio_is_of_the_gains_of_all_sets_together(module: Any) -> None:
    base = [np.full((1, 50), 0.5), np.full((1, 50), 0.2)]
    sft = [np.full((3, 50), 0.6), np.full((3, 50), 0.5)]
    ours = [np.full((3, 50), 0.8), np.full((3, 50), 0.5)]
    found = module.over_sets(list(zip(ours, sft, base, strict=True)), module.ratio_of_gains, 0.95)
    assert found == pytest.approx((0.6 / 0.4, 1.5, 1.5))


def test_prompts_that_one_side_has_not_scored_are_left_out(module: Any) -> None:
    ours, theirs = scores(0.5, 1), scores(0.4, 2)
    missing = theirs.copy()
    missing[:, :10] = np.nan
    mean, *_ = module.over_sets([(ours, missing)], module.mean_difference, 0.95)
    assert mean == pytest.approx((ours - theirs)[:, 10:].mean())


def test_one_set_is_what_the_claim_says_of_it(module: Any) -> None:
    statistics = importlib.import_module("claim_statistics")
    ours, theirs, base = scores(0.6, 1), scores(0.5, 2), scores(0.3, 3, (1, 80))
    found = module.over_sets([(ours, theirs)], module.mean_difference, 0.95)
    assert found == pytest.approx(statistics.difference(ours, theirs, 0.95), abs=0.002)
    found = module.over_sets([(ours, theirs, base)], module.ratio_of_gains, 0.95)
    expected = statistics.gain_ratio(ours, theirs, base, better="higher", confidence=0.95)
    assert found == pytest.approx(expected, abs=0.02)
