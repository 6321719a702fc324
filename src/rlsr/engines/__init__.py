"""Engines turn a method into updates of a policy; the only place that knows a trainer."""

from rlsr.engines.observer import SilentObserver, TrainingObserver

__all__ = ["SilentObserver", "TrainingObserver"]
