"""The reward for many who ask at once: requests are gathered into large calls, in this process or over HTTP."""

from rlsr.serving.gathering import Gatherer, Limits, TooManyWaiting

__all__ = ["Gatherer", "Limits", "TooManyWaiting"]
