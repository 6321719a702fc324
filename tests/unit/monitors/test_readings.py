"""What each monitor reads from numbers made by hand: silent on a sound run, and loud on its own failure alone."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.config import RunConfig, load_config
from rlsr.monitors.monitor import Level, Monitor
from rlsr.monitors.table import BUILT_IN
from rlsr.monitors.watch import level_columns, look, watched
from rlsr.monitors.window import WINDOW, change, recent

Row = dict[str, Any]
NUM = 30
JUMPS = (0.0, 0.05, -0.04, 0.02, -0.03)
"""How a number jumps from step to step."""


def sound(step: int) -> Row:
    """Numbers of a step in which nothing is wrong."""
    jump = JUMPS[step % 5]
    reward = 0.6 + 0.004 * step + jump
    return {
        "step": step, "reward/mean": reward, "reward/group_std": 0.1, "reward/cosine": reward + 0.1, "reward/numbers": 0.9 + jump,
        "reward/share_repeated": 0.0, "reward/num_unscored": 0.0, "reward/share_unscored": 0.0, "advantage/share_without_signal": 0.05,
        "optim/kl": 0.001 * step, "optim/entropy": 2.8 - 0.03 * step, "optim/grad_norm": 2 + jump, "length/response": 210 + 400 * jump,
        "length/reference": 205.0, "tokens/share_cut": 0.1, "text/share_repetitive": 0.0, "text/share_copied": 0.05,
        "text/share_alike": 0.02, "text/share_alike_across": 0.0, "text/overlap": 0.3 + jump,
    }  # fmt: skip


def run(change: Callable[[int], Row] = lambda step: {}, *, num: int = NUM) -> list[Row]:
    return [{**sound(step), **change(step)} for step in range(1, num + 1)]


def later(name: str, value: float) -> Callable[[int], Row]:
    """A number that jumps to another value after the tenth step."""
    return lambda step: {name: value} if step > 10 else {}


def validated(*values: float | None, by: str = "independent_similarity") -> Callable[[int], Row]:
    """Validation after every fifth step."""

    def measured(step: int) -> Row:
        reward = {"validation/reward": 0.6 + 0.003 * step}
        return {f"validation/{by}": values[step // 5 - 1], **reward} if step % 5 == 0 else {}  # fmt: skip

    return measured


def falling(name: str, start: float, by: float) -> Callable[[int], Row]:
    return lambda step: {name: start - by * max(step - 10, 0) / 20 + JUMPS[step % 5] / 10}


def loud(rows: list[Row], level: Level) -> set[str]:
    """Which monitors said so after any step."""
    monitors = watched(RunConfig())
    said = (look(rows[: place + 1], monitors) for place in range(len(rows)))
    return {finding.name for found in said for finding in found if finding.level is level}


FAILURES: dict[str, tuple[str, Callable[[int], Row]]] = {
    "hacking by validation": ("hacking", validated(0.6, 0.62, 0.61, 0.58, 0.55, 0.5)),
    "hacking by chrF of validation": ("hacking", validated(30, 31, 30.5, 29, 28, 25, by="chrf")),
    "hacking by overlap": ("hacking", falling("text/overlap", 0.3, 0.2)),
    "a part": ("reward_parts", falling("reward/numbers", 0.9, 0.6)),
    "no signal": ("no_signal", later("advantage/share_without_signal", 1.0)),
    "unscored": ("unscored", later("reward/share_unscored", 0.6)),
    "reward": ("falling_reward", falling("reward/mean", 0.6, 0.4)),
    "loops": ("repetition", later("text/share_repetitive", 0.5)),
    "copies": ("copied_prompt", later("text/share_copied", 0.9)),
    "alike": ("alike_in_group", later("text/share_alike", 1.0)),
    "one answer": ("same_answer", later("text/share_alike_across", 0.5)),
    "cut": ("cut", later("tokens/share_cut", 0.6)),
    "short": ("length", lambda step: {"length/response": 40.0}),
    "empty": ("length", lambda step: {"length/response": 0.0}),
    "longer": ("length_drift", later("length/response", 600.0)),
    "kl": ("kl", later("optim/kl", 1.5)),
    "entropy": ("entropy", later("optim/entropy", 0.3)),
    "gradient": ("gradient", lambda step: {"optim/grad_norm": 40.0} if step > 27 else {}),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_an_alarm_of_its_monitor_and_of_no_other(failure: str) -> None:
    name, numbers = FAILURES[failure]
    assert loud(run(numbers), Level.ALARM) == {name}


def test_every_monitor_has_a_failure_here() -> None:
    assert {name for name, _ in FAILURES.values()} == set(BUILT_IN)


def test_a_sound_run_is_silent() -> None:
    assert not loud(run(validated(0.6, 0.62, 0.61, 0.63, 0.62, 0.64)), Level.WARN)
    assert not loud(run(), Level.ALARM)


def test_a_supervised_run_has_other_numbers_and_is_silent() -> None:
    rows = [
        {"step": step, "optim/nll": 2.0, "optim/grad_norm": 5 + step % 3} for step in range(1, NUM)
    ]
    assert not loud(rows, Level.WARN)


@pytest.mark.parametrize("monitor", BUILT_IN.values(), ids=BUILT_IN.keys())
def test_nothing_is_read_from_nothing(monitor: Monitor) -> None:
    assert monitor.read([]) is None
    assert monitor.read([{"step": 0, "validation/independent_similarity": 0.5}]) is None
    assert monitor.read(run(num=4)) is None, "too few steps"
    unscored = [dict.fromkeys(sound(1), math.nan) | {"step": step} for step in range(1, NUM)]
    assert monitor.read(unscored) in (None, 0.0)


def test_chrf_says_nothing_where_the_reward_is_made_of_overlap() -> None:
    fall = validated(30, 31, 30.5, 29, 28, 25, by="chrf")
    rows = run(lambda step: {**fall(step), "reward/overlap": 0.3})
    assert BUILT_IN["hacking"].read(rows[:-1]) is None
    assert not loud(rows, Level.WARN) & {"hacking"}


def test_a_fall_is_no_hacking_where_the_reward_falls_as_well() -> None:
    fall = validated(0.6, 0.62, 0.61, 0.58, 0.55, 0.5)
    rows = run(lambda step: {**fall(step), "validation/reward": 0.8 - 0.01 * step})
    assert not loud(rows, Level.WARN)


def test_overlap_is_no_independent_measure_of_a_reward_that_has_it() -> None:
    rows = run(lambda step: {**falling("text/overlap", 0.3, 0.2)(step), "reward/overlap": 0.5})
    assert not loud(rows, Level.ALARM)


def test_validation_without_a_score_says_nothing() -> None:
    assert not loud(run(validated(0.6, None, None, None, None, None)), Level.WARN)


def test_coming_nearer_to_the_references_is_no_drift() -> None:
    rows = run(lambda step: {"length/response": 900.0 if step < 12 else 210.0})
    assert loud(rows, Level.ALARM) == {"length"}, "at the beginning"
    assert "length_drift" not in loud(rows, Level.WARN)


def test_a_gradient_is_compared_with_the_thousand_steps_before() -> None:
    rows: list[Row] = [
        {"step": step, "optim/grad_norm": 100.0 if step < 5000 else 2.0} for step in range(1, 5601)
    ]
    read = BUILT_IN["gradient"].read
    assert read([*rows[:-3], *({"optim/grad_norm": 40.0} for _ in range(3))]) == 20
    assert read(rows[: 4999 + 400]) == pytest.approx(0.02), "most of the thousand were as large"


def test_a_mean_is_of_the_last_steps_that_were_scored() -> None:
    rows: list[Row] = [{"step": step, "x": float(step)} for step in range(8)]
    assert recent(rows, "x") == 5
    rows[-1]["x"] = None
    assert recent(rows, "x") == 4.5
    assert recent(rows[:WINDOW], "x") is None, "step 0 is none"


@settings(max_examples=200)
@given(
    st.lists(st.floats(0, 1), min_size=2 * WINDOW, max_size=40), st.booleans(), st.integers(0, 30)
)
def test_windows_never_overlap_and_errors_are_those_of_a_mean(
    values: list[float], with_zero: bool, since: int
) -> None:
    rows: list[Row] = [{"step": step, "x": value} for step, value in enumerate(values, start=1)]
    if with_zero:
        rows.insert(0, {"step": 0})
    found = change(rows, "x", since=since)
    end = max(since, WINDOW)
    if len(values) < end + WINDOW:
        assert found is None
        return
    assert found is not None
    before, after = values[end - WINDOW : end], values[-WINDOW:]
    assert found.then == pytest.approx(sum(before) / WINDOW)
    assert found.now == pytest.approx(sum(after) / WINDOW)
    variances = [
        sum((x - sum(part) / WINDOW) ** 2 for x in part) / (WINDOW - 1) for part in (before, after)
    ]
    assert found.error == pytest.approx(math.sqrt(sum(variances) / WINDOW), abs=1e-12)


def test_noise_alone_raises_no_alarm() -> None:
    import random

    alarmed = 0
    for seed in range(10):
        rng = random.Random(seed)
        rows = run(lambda step: {"reward/mean": rng.gauss(0.6, 0.07), "text/overlap": rng.gauss(0.3, 0.05), "reward/numbers": rng.gauss(0.9, 0.05)})  # fmt: skip  # noqa: B023
        alarmed += bool(loud(rows, Level.ALARM))
    assert alarmed == 0


def test_levels_are_columns_only_where_something_is_wrong() -> None:
    rows = run(later("tokens/share_cut", 0.4))
    assert level_columns(look(rows, watched(RunConfig()))) == {"monitor/cut": 1.0}
    assert level_columns(look(run(), watched(RunConfig()))) == {}


def test_segments_of_tokens_are_cut_by_design_and_nothing_is_said_of_it() -> None:
    method = "method={type: rlpt, segment: tokens}"
    actions = {
        text: {one.monitor.name: one.action for one in watched(load_config(overrides=[*text]))}[
            "cut"
        ]
        for text in ((method,), ("method=rlpt",), (method, "monitors.cut.action=stop"))
    }
    assert list(actions.values()) == ["log", "warn", "stop"]
