"""How a run looks while it goes on."""

import io
import re
from collections.abc import Mapping

import pytest
from rich.console import Console

from rlsr.cli.progress import LiveObserver, PlainObserver, minutes_left, step_line
from rlsr.engines import TrainingObserver

METRICS: Mapping[str, float | None] = {
    "reward/mean": 0.61234,
    "reward/group_std": 0.0456,
    "reward/share_repeated": 0.125,
    "optim/kl": 0.00012,
    "optim/entropy": 1.234,
    "length/response": 233.6,
    "length/reference": 250.0,
    "tokens/share_cut": 0.5,
    "time/step": 12.34,
}


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    made = Console(
        file=text, force_terminal=terminal, width=120, height=40, highlight=False,
        soft_wrap=True, color_system=None, legacy_windows=False, _environ={"TERM": "xterm"},
    )  # fmt: skip
    return made, text


def last_frame(text: str) -> list[str]:
    """The lines of the last drawing of a live panel, without the codes that move the cursor."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\f", text).replace("\r", "\f")
    frames = [frame for frame in plain.split("\f") if frame.strip()]
    return [line.rstrip() for line in "\n".join(frames).splitlines()]


def test_the_numbers_of_a_step_in_one_line() -> None:
    assert step_line(3, 40, METRICS) == (
        "step 3/40  reward 0.612 (spread 0.046)  repeated 12%  kl 0.0001  entropy 1.23  "
        "characters 234 (reference 250)  cut 50%  12.3 s"
    )


def test_what_was_not_measured_is_a_dash_and_not_a_zero() -> None:
    unscored = {**METRICS, "reward/mean": None, "optim/kl": None}
    assert "reward - (spread 0.046)" in step_line(1, 2, unscored)
    assert "kl -  " in step_line(1, 2, unscored)


def test_what_a_method_does_not_have_is_left_out() -> None:
    supervised = {"optim/nll": 1.5, "optim/entropy": None, "time/step": 0.5}
    assert step_line(1, 2, supervised) == "step 1/2  nll 1.500  entropy -  0.5 s"
    assert step_line(1, 2, {}) == "step 1/2"


@pytest.mark.parametrize(
    ("seconds", "done", "share", "said"),
    [
        (60, 0.1, 0.2, "about 8 min of training left"),
        (36_000, 0.5, 0.5, "about 600 min of training left"),
        (60, 0.5, 1.0, ""),
        (1, 0.1, 0.2, ""),  # seconds need no forecast
        (60, 0.0, 0.2, ""),  # the first step after a checkpoint: nothing says how long one takes
    ],
)
def test_what_is_left_is_what_it_takes_at_the_pace_so_far(
    seconds: float, done: float, share: float, said: str
) -> None:
    assert minutes_left(seconds, done, share) == said


def test_a_file_says_how_long_the_training_takes_yet() -> None:
    made, text = console(terminal=False)
    times = iter([0.0, 100.0, 200.0, 320.0, 500.0, 900.0, 1000.0, 1100.0])
    now = [next(times)]
    observer = PlainObserver(made, lambda: now[0])

    def step(number: int, metrics: Mapping[str, float | None]) -> str:
        now[0] = next(times)
        before = len(text.getvalue())
        observer.on_step(number, 10, metrics)
        return text.getvalue()[before:].strip()

    observer.on_stage("training")
    assert "left" not in step(1, {})
    assert step(2, {}).endswith("about 13 min of training left")  # 8 steps of 100 s
    assert step(3, {}).endswith("about 13 min of training left")  # 7 steps of 110 s
    observer.on_stage("stage 2 of 2")
    assert "left" not in step(4, {"budget/share": 0.5})
    # Of the budget, which ends before the steps do, a tenth took 400 s.
    assert step(5, {"budget/share": 0.6}).endswith("about 27 min of training left")


def test_a_file_says_how_far_it_is_where_nothing_else_was_said_for_a_minute() -> None:
    made, text = console(terminal=False)
    now = [0.0]
    observer = PlainObserver(made, lambda: now[0])

    def progress(seconds: float, done: int, total: int = 100) -> str:
        now[0] += seconds
        before = len(text.getvalue())
        observer.on_progress(done, total)
        return text.getvalue()[before:].strip()

    observer.on_stage("evaluating")
    assert not progress(59, 10)
    assert progress(1, 20) == "20 of 100"  # what is left takes seconds
    assert not progress(30, 21)
    assert progress(170, 30) == "30 of 100  about 12 min left"  # 20 in 201 s
    observer.on_step(1, 10, {})
    assert not progress(50, 90)
    assert not progress(100, 100), "all is done"
    # Another count in the same stage has a pace of its own.
    assert progress(60, 2, 8) == "2 of 8"
    assert progress(120, 4, 8) == "4 of 8  about 4 min left"


def test_a_terminal_says_how_long_it_takes_yet_where_steps_take_minutes() -> None:
    made, text = console(terminal=True)
    now = [0.0]
    made.get_time = lambda: now[0]
    with LiveObserver(made) as observer:
        observer.on_stage("training")
        for step in range(1, 4):
            now[0] += 200.0
            observer.on_step(step, 10, METRICS)
        now[0] += 1.0
    assert last_frame(text.getvalue())[-1].endswith("3/10 0:23:20")


SIGNS = {"monitor/entropy": 1.0, "monitor/cut": 2.0, "monitor/length": 1.0, "monitor/kl": None}


def test_monitors_stand_at_the_end_of_the_line_alarms_first() -> None:
    assert step_line(1, 2, {"time/step": 0.5, **SIGNS}) == (
        "step 1/2  0.5 s  alarm: cut; warn: entropy, length"
    )


def test_what_a_monitor_found_is_a_line_of_its_own() -> None:
    made, text = console(terminal=False)
    with PlainObserver(made) as observer:
        observer.on_finding("alarm", "cut: [60%] of the last responses")
    assert text.getvalue() == "alarm: cut: [60%] of the last responses\n"


def test_on_a_terminal_monitors_have_a_column_while_they_speak() -> None:
    head, first, second, _ = panel((1, {"time/step": 2.0}), (2, {"time/step": 2.0, **SIGNS}))
    assert head.split() == ["step", "s", "monitors"]
    assert first.split() == ["1", "2.0"]
    assert second.split(maxsplit=2)[2] == "alarm: cut; warn: entropy, length"
    assert "monitors" not in panel((1, {"time/step": 2.0}))[0]
    made, text = console(terminal=True)
    with LiveObserver(made) as observer:
        observer.on_finding("warn", "cut: some of the last responses")
    assert "warn: cut: some of the last responses" in text.getvalue()


def test_a_budget_is_shown_instead_of_an_upper_bound_of_the_steps() -> None:
    line = step_line(12, 100_000, {"time/step": 0.5, "budget/share": 0.375})
    assert line == "step 12, 38% of the budget  0.5 s"
    assert "100% of" in step_line(12, 100_000, {"budget/share": 1.2})
    assert step_line(12, 40, {"budget/share": None}) == "step 12/40"
    assert step_line(3, 4, {"budget/share": 0.1}) == "step 3/4", "the steps end first"


def test_a_measured_zero_is_shown() -> None:
    assert "kl 0.0000" in step_line(1, 2, {"optim/kl": 0.0})


def test_piped_output_is_a_line_for_every_stage_and_step() -> None:
    made, text = console(terminal=False)
    with PlainObserver(made) as observer:
        observer.on_stage("evaluating [before] training")
        observer.on_progress(1, 10)
        for step in (1, 2):
            observer.on_step(step, 2, METRICS)
    lines = text.getvalue().splitlines()
    assert re.fullmatch(r"\[ *\d+ s\] evaluating \[before\] training", lines[0])
    assert lines[1:] == [step_line(1, 2, METRICS), step_line(2, 2, METRICS)]
    assert "\x1b" not in text.getvalue()


def test_on_a_terminal_the_last_steps_and_the_bar_stay_in_sight() -> None:
    made, text = console(terminal=True)
    with LiveObserver(made, num_rows=3) as observer:
        observer.on_stage("training")
        observer.on_progress(2, 5)
        for step in range(1, 6):
            observer.on_step(step, 7, {**METRICS, "optim/kl": None})
    lines = last_frame(text.getvalue())
    heads = [place for place, line in enumerate(lines) if line.split()[:2] == ["step", "reward"]]
    last = lines[heads[-1] :]
    assert last[0].split() == [
        "step", "reward", "spread", "repeated", "kl", "entropy", "chars", "ref", "cut", "s",
    ]  # fmt: skip
    assert [line.split()[0] for line in last[1:4]] == ["3", "4", "5"]
    assert last[3].split()[1:] == [
        "0.612", "0.046", "12%", "-", "1.23", "234", "250", "50%", "12.3",
    ]  # fmt: skip
    assert last[4].startswith("training")
    assert "5/7" in last[4]


def panel(*steps: tuple[int, Mapping[str, float | None]]) -> list[str]:
    """The last picture after some steps, from its head on."""
    made, text = console(terminal=True)
    with LiveObserver(made) as observer:
        observer.on_stage("training")
        for step, metrics in steps:
            observer.on_step(step, 1000, metrics)
    lines = last_frame(text.getvalue())
    heads = [place for place, line in enumerate(lines) if line.split()[:1] == ["step"]]
    return lines[heads[-1] :]


def test_on_a_terminal_a_budget_fills_the_bar() -> None:
    bar = panel((1, {"time/step": 2.0, "budget/share": 0.25}))[-1]
    assert bar.startswith("training, % of the budget")
    assert "25/100" in bar
    assert "100/100" in panel((1, {"time/step": 2.0, "budget/share": 1.2}))[-1]


def test_on_a_terminal_another_stage_has_columns_of_its_own() -> None:
    head, first, bar = panel((1, METRICS), (2, METRICS), (1, {"optim/nll": 1.0, "time/step": 2.0}))
    assert head.split() == ["step", "nll", "s"]
    assert first.split() == ["1", "1.000", "2.0"]
    assert bar.startswith("training")


def bar_of_the_second_stage() -> str:
    made, text = console(terminal=True)
    with LiveObserver(made) as observer:
        observer.on_stage("first")
        observer.on_progress(9, 9)
        observer.on_stage("second")
    return last_frame(text.getvalue())[-1]


def test_a_new_stage_starts_from_nothing() -> None:
    assert bar_of_the_second_stage().startswith("second ")
    assert " 0/" in bar_of_the_second_stage()


def test_the_total_of_a_new_stage_is_unknown() -> None:
    assert " 0/?" in bar_of_the_second_stage()


def test_an_error_leaves_the_terminal_as_it_was() -> None:
    made, text = console(terminal=True)
    try:
        with LiveObserver(made):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert text.getvalue().rfind("\x1b[?25h") > text.getvalue().rfind("\x1b[?25l") >= 0


def test_both_are_observers_of_a_training() -> None:
    made, _ = console(terminal=False)
    observers: list[TrainingObserver] = [PlainObserver(made), LiveObserver(made)]
    assert len(observers) == 2
