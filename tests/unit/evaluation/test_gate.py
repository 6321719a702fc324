"""A policy held against an earlier evaluation."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kept_evaluations import NUM_PROMPTS, RESAMPLES, kept, normal
from rlsr.errors import ConfigError, EvaluationError
from rlsr.evaluation.gate import choose_metrics, hold_against, require_same_scorers
from rlsr.evaluation.kept import KeptEvaluation
from rlsr.statistics import paired_difference, unpaired_difference


def readings(
    now: KeptEvaluation, baseline: KeptEvaluation, names: Sequence[str] = ()
) -> dict[str, str]:
    gate = hold_against(now, baseline, choose_metrics(baseline, list(baseline.suites), names))
    return {one.metric.name: one.reading for one in gate.metrics}


def test_the_direction_is_that_of_the_metric() -> None:
    baseline = kept("old", heldout={"chrf": normal(0.5), "cut": normal(0.5, 1)})
    lower = kept("new", heldout={"chrf": normal(0.3, 2), "cut": normal(0.3, 3)})
    higher = kept("new", heldout={"chrf": normal(0.7, 2), "cut": normal(0.7, 3)})
    names = ["chrf", "cut"]
    assert readings(lower, baseline, names) == {"chrf": "worse", "cut": "better"}
    assert readings(higher, baseline, names) == {"chrf": "better", "cut": "worse"}
    assert readings(baseline, baseline, names) == dict.fromkeys(names, "no difference shown")


def test_the_same_prompts_are_paired_in_whatever_order_they_come() -> None:
    luck = normal(0.5, 4)
    order = np.random.default_rng(0).permutation(NUM_PROMPTS)
    names = [f"p{place}" for place in range(NUM_PROMPTS)]
    slightly = np.array(luck) - 0.01 + np.array(normal(0, 5)) * 0.05
    baseline = kept("old", prompts=names, heldout={"chrf": luck})
    now = kept("new", prompts=[names[place] for place in order], heldout={"chrf": slightly[order].tolist()})  # fmt: skip
    (one,) = hold_against(now, baseline, [("heldout", "chrf")]).metrics
    assert one.is_paired
    assert one.reading == "worse"
    expected = paired_difference(np.array(luck), slightly, num_resamples=RESAMPLES)
    assert one.difference.mean == pytest.approx(expected.mean)
    assert one.before.mean == pytest.approx(np.mean(luck))

    others = kept("new", prompts=[f"q{place}" for place in order], heldout={"chrf": slightly[order].tolist()})  # fmt: skip
    (one,) = hold_against(others, baseline, [("heldout", "chrf")]).metrics
    assert not one.is_paired
    assert one.reading == "no difference shown"
    assert one.difference == unpaired_difference(np.array(luck), slightly[order], num_resamples=RESAMPLES)  # fmt: skip


def test_what_is_chosen_unasked_is_primary_and_has_a_direction() -> None:
    scores = {name: normal(0.5) for name in ("reward", "length_ratio", "chrf", "bleu", "cut")}
    baseline = kept("old", heldout=scores, sums={"right": normal(0.5)})
    assert choose_metrics(baseline, ["heldout", "sums"]) == [
        ("heldout", "reward"),
        ("heldout", "chrf"),
        ("heldout", "bleu"),
        ("sums", "right"),
    ]
    assert choose_metrics(baseline, ["sums"]) == [("sums", "right")]
    assert choose_metrics(baseline, ["heldout"], ["cut"]) == [("heldout", "cut")]


@settings(max_examples=15)
@given(number=st.integers(1, 6))
def test_all_readings_hold_together(number: int) -> None:
    scores = {f"metric_{place}": normal(0.5, place) for place in range(number)}
    baseline = kept("old", sums=scores)
    chosen = choose_metrics(baseline, ["sums"], list(scores))
    gate = hold_against(baseline, baseline, chosen)
    assert gate.adjusted_confidence == pytest.approx(1 - 0.05 / number)
    assert not gate.worse


def test_mistakes_are_found_before_anything_is_asked() -> None:
    scores = {"chrf": normal(0.5), "length_ratio": normal(1.0)}
    baseline = kept("old", heldout=scores)
    with pytest.raises(ConfigError, match="the baseline was not asked ifeval, but heldout; leave"):
        choose_metrics(baseline, ["heldout", "ifeval"])
    with pytest.raises(ConfigError, match="--gate-metric: must be of the baseline's metrics chrf, length_ratio, got bleu"):  # fmt: skip
        choose_metrics(baseline, ["heldout"], ["chrf", "bleu"])
    with pytest.raises(ConfigError, match="length_ratio is best near 1, so that neither more nor less"):  # fmt: skip
        choose_metrics(baseline, ["heldout"], ["length_ratio"])
    alone = kept("old", heldout={"length_ratio": normal(1.0)})
    with pytest.raises(ConfigError, match="of the baseline's metrics length_ratio, got no primary metric"):  # fmt: skip
        choose_metrics(alone, ["heldout"])
    few = kept("old", heldout={"chrf": normal(0.5, number=31)})
    with pytest.raises(ConfigError, match=re.escape("--gate: 31 scored prompts of heldout are too few for intervals")):  # fmt: skip
        choose_metrics(few, ["heldout"])


def test_what_cannot_be_compared_is_refused() -> None:
    baseline = kept("old", scorer="[1]", heldout={"chrf": normal(0.5)})
    chosen = choose_metrics(baseline, ["heldout"])
    for now in (
        kept("new", scorer="[2]", heldout={"chrf": normal(0.5)}),
        kept("new", scorer="[1]", heldout={"bleu": normal(0.5)}),
    ):
        with pytest.raises(
            EvaluationError, match="chrf of heldout is not what the baseline's is: it is scored"
        ):
            hold_against(now, baseline, chosen)
    require_same_scorers(baseline, chosen, {"chrf": "[1]"})
    with pytest.raises(EvaluationError, match="chrf of heldout is not what the baseline's is"):
        require_same_scorers(baseline, chosen, {"chrf": "[2]"})
    unscored = [float("nan")] * 20 + normal(0.5, number=20)
    with pytest.raises(EvaluationError, match="chrf of heldout: 20 scored prompts are too few"):
        hold_against(kept("new", scorer="[1]", heldout={"chrf": unscored}), baseline, chosen)
