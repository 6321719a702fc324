"""Is this reward trustworthy on this data? Asked before hours are spent. Loads torch only for a policy's samples."""

from rlsr.audit.result import AttackExample, Audit, Check, EncoderComparison
from rlsr.audit.run import AuditJob, run_audit

__all__ = ["AttackExample", "Audit", "AuditJob", "Check", "EncoderComparison", "run_audit"]
