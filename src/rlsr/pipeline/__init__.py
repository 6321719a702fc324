"""From a config to a trained and evaluated policy.

``plan_run`` reads and checks everything and writes nothing; ``train_run`` does what was planned, in one run directory.
"""

from rlsr.pipeline.plan import RunPlan, estimate_run, plan_run
from rlsr.pipeline.run import train_run
from rlsr.pipeline.stages import plan_stages, train_stages
from rlsr.pipeline.summary import RunSummary
from rlsr.pipeline.token_lengths import TokenLengths

__all__ = [
    "RunPlan",
    "RunSummary",
    "TokenLengths",
    "estimate_run",
    "plan_run",
    "plan_stages",
    "train_run",
    "train_stages",
]
