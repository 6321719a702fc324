"""The calls that a notebook needs: what the command line does, with the same settings and messages, as typed values.

They stand above ``rlsr.cli``, with which they share how results are named and how a step is written. A user's mistake is an
``RlsrError``; progress is plain lines.
"""

from rlsr.api.auditing import AuditResult, audit
from rlsr.api.comparing import ComparisonResult, compare
from rlsr.api.evaluating import EvaluationResult, evaluate
from rlsr.api.reading import load_run
from rlsr.api.scoring import OpenReward, Scored, open_reward
from rlsr.api.side_by_side import SideBySideResult
from rlsr.api.trained_run import TrainedRun
from rlsr.api.training import train

__all__ = [
    "AuditResult",
    "ComparisonResult",
    "EvaluationResult",
    "OpenReward",
    "Scored",
    "SideBySideResult",
    "TrainedRun",
    "audit",
    "compare",
    "evaluate",
    "load_run",
    "open_reward",
    "train",
]
