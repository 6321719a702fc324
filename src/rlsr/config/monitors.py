"""What is done where a monitor sees a sign of failure; what the monitors look at stands in ``rlsr.monitors``."""

from typing import Literal

from rlsr.config.base import ConfigTable

MonitorAction = Literal["log", "warn", "stop"]


class MonitorRule(ConfigTable):
    """When one monitor speaks, and what follows; its name is the key of the table ``monitors``."""

    action: MonitorAction = "warn"
    """``log`` writes its level into ``metrics.jsonl`` and the report alone, ``warn`` says it in the terminal and the summary, too,
    and ``stop`` ends training at an alarm as well, like ``validation.patience``."""
    warn: float | None = None
    """From which reading on it warns; null is the monitor's own threshold."""
    alarm: float | None = None
    """From which reading on it raises an alarm, at least ``warn``; null is the monitor's own threshold."""
