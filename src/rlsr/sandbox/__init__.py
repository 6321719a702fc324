"""Code that nobody vouches for, run in a process of its own that can do little harm."""

from rlsr.sandbox.choice import Kind, Setting, choose_kind
from rlsr.sandbox.limits import Limits
from rlsr.sandbox.worker import Outcome, Worker

__all__ = ["Kind", "Limits", "Outcome", "Setting", "Worker", "choose_kind"]
