"""Rules of monitors, the end of training, what is said over a run, and monitors of installed packages."""

from pathlib import Path
from typing import Any

import pytest

from plugin_packages import write_package
from rlsr.config import load_config
from rlsr.engines.stopping import stop_reason
from rlsr.errors import ConfigError
from rlsr.monitors import Monitor
from rlsr.monitors.monitor import Level
from rlsr.monitors.table import BUILT_IN
from rlsr.monitors.watch import episodes, level_columns, look, require_monitors, watched

Row = dict[str, Any]


def cut(*shares: float) -> list[Row]:
    return [{"step": step, "tokens/share_cut": share} for step, share in enumerate(shares, start=1)]


def seen(rows: list[Row], *overrides: str) -> list[Row]:
    """The rows with their levels, as a run writes them."""
    monitors = watched(load_config(overrides=overrides))
    return [
        {**row, **level_columns(look(rows[: place + 1], monitors))}
        for place, row in enumerate(rows)
    ]


def test_without_rules_every_monitor_warns_at_its_own_thresholds() -> None:
    rules = watched(load_config())
    assert [rule.monitor.name for rule in rules] == list(BUILT_IN)
    assert {rule.action for rule in rules} == {"warn"}
    assert all((rule.warn, rule.alarm) == (rule.monitor.warn, rule.monitor.alarm) for rule in rules)


def test_a_rule_changes_what_it_names() -> None:
    config = load_config(overrides=["monitors.cut={action: stop, alarm: 0.4}"])
    require_monitors(config)
    rule = next(rule for rule in watched(config) if rule.monitor.name == "cut")
    assert (rule.action, rule.warn, rule.alarm) == ("stop", 0.3, 0.4)
    assert [rule.level(value) for value in (None, float("nan"), 0.29, 0.3, 0.4)] == [
        Level.OK, Level.OK, Level.OK, Level.WARN, Level.ALARM,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("monitors.entropie.action=stop", "monitors.entropie: there is no such monitor; did you mean entropy?"),
        ("monitors.x.action=stop", f"monitors.x: there is no such monitor; one of {', '.join(BUILT_IN)}"),
        ("monitors.cut.alarm=0.1", "monitors.cut: alarm must be at least warn, got 0.1 and 0.3; set both"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_monitors(load_config(overrides=[override]))
    assert str(caught.value) == message


def test_an_action_is_one_of_three() -> None:
    with pytest.raises(ConfigError, match=r"monitors\.cut\.action: .*'log', 'warn' or 'stop'"):
        load_config(overrides=["monitors.cut.action=shout"])


def test_an_alarm_ends_training_where_the_rule_says_so() -> None:
    rows = cut(0.1, 0.1, 0.6, 0.6, 0.6, 0.6)
    assert stop_reason(rows, load_config()) is None, "no monitor stops by itself"
    config = load_config(overrides=["monitors.cut.action=stop"])
    assert stop_reason(rows[:5], config) is None, "a warning does not"
    reason = stop_reason([*rows, {"step": 7, "tokens/share_cut": 0.6}], config)
    assert reason is not None
    assert reason.startswith("monitors.cut: 60% of the last responses were cut at method.max_")
    other = load_config(overrides=["monitors.entropy.action=stop"])
    assert stop_reason([*rows, *cut(1.0)], other) is None, "another monitor's alarm does not"


def test_what_was_said_over_a_run() -> None:
    rows = seen(cut(0.1, 0.1, 0.1, 0.8, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1))
    assert [row.get("monitor/cut") for row in rows] == [None] * 4 + [1, 2, 2, 2, 1, None]
    [episode] = episodes(rows, load_config())
    assert (episode.name, episode.level, episode.action) == ("cut", "alarm", "warn")
    assert (episode.first_step, episode.last_step, episode.num_steps) == (6, 8, 10)
    assert episode.in_words.startswith(
        "cut: alarm after steps 6 to 8 of 10: 56% of the last responses were cut"
    )
    assert episodes(seen(cut(*[0.1] * 10)), load_config()) == []
    assert episodes([], load_config()) == []


def test_alarms_come_first_and_an_unknown_monitor_has_its_name() -> None:
    rows = [{"step": 1, "monitor/gone": 1.0}, {"step": 2, "monitor/lost": 2.0}]
    found = episodes(rows, load_config())
    assert [episode.in_words for episode in found] == [
        "lost: alarm after step 2 of 2", "gone: warn after step 1 of 2",
    ]  # fmt: skip


OWN = """
from rlsr.monitors import Monitor

def steps(rows):
    return float(rows[-1]["step"]) if rows else None

MINE = Monitor("late", steps, warn=3, alarm=5, found="{:.0f} steps are taken", meaning="", reason="", way_out="go to bed")
"""


def test_a_package_adds_a_monitor(packages: Path) -> None:
    write_package(packages, "own-watch", OWN, rlsr_monitors={"late": "own_watch:MINE"})
    config = load_config(overrides=["monitors.late.action=stop"])
    require_monitors(config)
    rows = [{"step": step} for step in range(1, 6)]
    assert stop_reason(rows[:4], config) is None
    assert stop_reason(rows, config) == "monitors.late: 5 steps are taken; go to bed"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cut", "own_watch:MINE", "'cut', which is built in; give it another name there"),
        ("early", "own_watch:MINE", "must be a rlsr.monitors.Monitor of that name, got 'late'"),
        ("early", "own_watch:steps", "must be a rlsr.monitors.Monitor of that name, got function"),
    ],
)
def test_a_package_that_adds_something_else_is_refused(
    packages: Path, name: str, value: str, message: str
) -> None:
    write_package(packages, "own-watch", OWN, rlsr_monitors={name: value})
    with pytest.raises(ConfigError) as caught:
        require_monitors(load_config())
    assert message in str(caught.value)


def test_thresholds_are_in_order() -> None:
    with pytest.raises(ValueError, match="x: alarm must be at least warn, got 1 and 2"):
        Monitor("x", lambda rows: None, 2, 1, "", "", "", "")
