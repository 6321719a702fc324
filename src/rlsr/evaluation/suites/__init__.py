"""Suites: prompts that a policy is asked, and what scores its answers."""

from rlsr.evaluation.suites.checked import ask_policy, score_answers
from rlsr.evaluation.suites.heldout import (
    HeldoutSuite,
    load_independent,
    require_heldout,
)
from rlsr.evaluation.suites.suite import AskingSuite, Scored, Suite
from rlsr.evaluation.suites.table import (
    HELDOUT,
    load_suites,
    open_suite,
    require_suite_settings,
)

__all__ = [
    "HELDOUT",
    "AskingSuite",
    "HeldoutSuite",
    "Scored",
    "Suite",
    "ask_policy",
    "load_independent",
    "load_suites",
    "open_suite",
    "require_heldout",
    "require_suite_settings",
    "score_answers",
]
