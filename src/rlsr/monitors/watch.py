"""The monitors of a run: what they say after a step, whether one ends training, and what they have said in all."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError
from rlsr.monitors.monitor import Finding, Level, Rows, Watched
from rlsr.monitors.table import all_monitors
from rlsr.runs.step_metrics import MONITOR, monitor_column


def require_monitors(config: RunConfig) -> None:
    """Make sure before any work that the monitors can watch as the config says.

    Args:
        config: The config of a run.

    Raises:
        ConfigError: The table ``monitors`` has a name that no monitor has, or an alarm below its warning.
    """
    monitors = all_monitors()
    for name in config.monitors:
        if name not in monitors:
            close = difflib.get_close_matches(name, monitors, n=1)
            way_out = f"did you mean {close[0]}?" if close else f"one of {', '.join(monitors)}"
            raise ConfigError(f"monitors.{name}: there is no such monitor; {way_out}")
    watched(config)


def watched(config: RunConfig) -> tuple[Watched, ...]:
    """Give the monitors their rules.

    Args:
        config: With the table ``monitors``; one that is not installed here is passed over.

    Returns:
        Every monitor, with its own thresholds where the config names none.
    """
    return tuple(_with_rule(name, config) for name in all_monitors())


def _with_rule(name: str, config: RunConfig) -> Watched:
    monitor, rule = all_monitors()[name], config.monitors.get(name)
    if rule is None:
        is_meant = monitor.is_about_ends and not config.method.samples_end
        return Watched(monitor, "log" if is_meant else "warn", monitor.warn, monitor.alarm)
    warn = monitor.warn if rule.warn is None else rule.warn
    alarm = monitor.alarm if rule.alarm is None else rule.alarm
    if alarm < warn:
        raise ConfigError(
            f"monitors.{name}: alarm must be at least warn, got {alarm:g} and {warn:g}; set both"
        )
    return Watched(monitor, rule.action, warn, alarm)


def look(rows: Rows, monitors: Sequence[Watched]) -> list[Finding]:
    """Ask the monitors after a step.

    Args:
        rows: Of all steps so far, the last one's being the last.
        monitors: With their rules.

    Returns:
        What is not well, in their order.
    """
    found = []
    for one in monitors:
        value = one.monitor.read(rows)
        level = one.level(value)
        if level and value is not None:
            found.append(Finding(one, level, value))
    return found


def level_columns(found: Sequence[Finding]) -> dict[str, float]:
    """Write findings as the columns of a step's row, which has none where all is well."""
    return {monitor_column(finding.name): float(finding.level) for finding in found}


def end_by_monitors(rows: Rows, config: RunConfig) -> str | None:
    """Decide whether a monitor ends training.

    Args:
        rows: Of all steps so far.
        config: The resolved config.

    Returns:
        Why, in words; None where it goes on.
    """
    if not any(rule.action == "stop" for rule in config.monitors.values()):
        return None
    stopping = [one for one in watched(config) if one.action == "stop"]
    for finding in look(rows, stopping):
        if finding.level is Level.ALARM:
            return f"monitors.{finding.name}: {finding.in_words}"
    return None


@dataclass(frozen=True)
class Episode:
    """What one monitor has said over a run."""

    name: str
    """Of the monitor."""
    level: str
    """The worst that it said: ``warn`` or ``alarm``."""
    first_step: int
    """The first step after which it said so."""
    last_step: int
    """The last one."""
    num_steps: int
    """Steps of the run so far."""
    in_words: str
    """All of this, with what was found after ``last_step``."""
    action: str
    """What its rule says."""


def episodes(rows: Rows, config: RunConfig) -> list[Episode]:
    """List what monitors have said over a run, from the levels that its rows have.

    Args:
        rows: All of ``metrics.jsonl``.
        config: The config of the run.

    Returns:
        One for each monitor that was ever not well, alarms first. A monitor that is not installed here has its name alone.
    """
    known = {one.monitor.name: one for one in watched(config)}
    columns = set[str]().union(*rows)
    names = {column.partition("/")[2] for column in columns if column.partition("/")[0] == MONITOR}
    found = [
        _episode(name, rows, known.get(name))
        for name in (*known, *sorted(names - known.keys()))
        if name in names
    ]
    return sorted(found, key=lambda episode: episode.level)


def _episode(name: str, rows: Rows, one: Watched | None) -> Episode:
    column = monitor_column(name)
    worst = max(row.get(column, 0.0) for row in rows)
    places = [place for place, row in enumerate(rows) if row.get(column) == worst]
    first, last = (int(rows[place]["step"]) for place in (places[0], places[-1]))
    num_steps, level = int(rows[-1]["step"]), Level(int(worst)).name.lower()
    span = f"after step {first}" if first == last else f"after steps {first} to {last}"
    words = f"{name}: {level} {span} of {num_steps}"
    value = one.monitor.read(rows[: places[-1] + 1]) if one else None
    if one is not None and value is not None:
        words = f"{words}: {Finding(one, Level(int(worst)), value).in_words}"
    return Episode(name, level, first, last, num_steps, words, one.action if one else "warn")
