"""Signs that training fails or is blind, read from the numbers of a run. Knows no trainer and loads no torch."""

from rlsr.monitors.monitor import Monitor
from rlsr.monitors.table import findings, require_sound

__all__ = ["Monitor", "findings", "require_sound"]
