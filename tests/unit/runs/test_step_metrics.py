"""How the numbers of a step are shown, and what they come to."""

import pytest

from rlsr.runs.step_metrics import BRIEFS, STEP_METRICS, StepMetric, step_metrics
from rlsr.runs.step_totals import peak_memory_gb, seconds_spent, step_seconds, tokens_trained


def test_every_number_has_a_head_and_a_title_where_it_has_a_chart() -> None:
    for name, metric in STEP_METRICS.items():
        assert metric.head
        assert metric.head != name
        # What a reward describes is here for the sake of the terminal alone.
        is_drawn = metric.drawn in {"always", "if_above_zero"}
        assert bool(metric.title) == is_drawn or name == "reward/share_repeated"


def test_what_is_shown_while_training_goes_on_can_be_written() -> None:
    for brief in BRIEFS.values():
        assert brief.words.format(format(0.5, brief.form)) != brief.words
    assert len({brief.title for brief in BRIEFS.values()}) == len(BRIEFS)


def test_known_numbers_come_first_and_others_speak_by_their_names() -> None:
    names = ["trl/clip_ratio/low_mean", "optim/kl", "reward/share_repeated", "mine", "reward/my_part"]  # fmt: skip
    found = step_metrics(names)
    assert [metric.words for metric in found] == [
        "share repeated", "KL divergence", "clip ratio/low mean", "mine", "my part",
    ]  # fmt: skip
    assert all(metric.drawn == "always" for metric in found)
    parts = {name: StepMetric(name, "Its title") for name in ("reward/my_part", "reward/share_repeated", "reward/other")}  # fmt: skip
    assert [metric.words for metric in step_metrics(names, parts)] == [
        "Its title", "Its title", "KL divergence", "clip ratio/low mean", "mine",
    ]  # fmt: skip


def test_totals_leave_out_what_was_not_measured() -> None:
    nan = float("nan")
    rows: list[dict[str, float | None]] = [
        {"time/step": 2.0, "time/validation": 1.5, "tokens/trained": 10.0, "memory/peak_gb": 1.0},
        {"time/step": 1.0, "time/validation": None, "tokens/trained": nan, "memory/peak_gb": 3.0},
        {"time/step": nan, "memory/peak_gb": None},
    ]
    assert step_seconds(rows[0]) == 3.5
    assert seconds_spent(rows) == pytest.approx(4.5)
    assert tokens_trained(rows) == 10
    assert peak_memory_gb(rows) == 3.0
    assert peak_memory_gb([]) is None
