"""Signs that training has failed or was blind, read from the numbers of a run. Knows no trainer and loads no torch."""

from rlsr.monitors.table import findings, require_sound

__all__ = ["findings", "require_sound"]
