"""The audit asks whether a reward can be trusted on some data, before hours are spent on training by it.

It loads torch only where a policy draws samples.
"""

from rlsr.auditing.result import AttackExample, Audit, Check, EncoderComparison
from rlsr.auditing.run import AuditJob, run_audit

__all__ = ["AttackExample", "Audit", "AuditJob", "Check", "EncoderComparison", "run_audit"]
