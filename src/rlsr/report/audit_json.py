"""The findings of an audit are written as JSON for scripts.

The keys are the names of the fields of :class:`rlsr.auditing.result.Audit`, with the verdict of the whole in front, and for each check
its rule in words. NaN (not scored) is written as null, never as 0.
"""

import json
from pathlib import Path

from rlsr.auditing.result import Audit
from rlsr.report.text_file import write_text
from rlsr.runs.typed_json import to_table


def write_audit_json(file: Path, audit: Audit) -> Path:
    """Write an audit as JSON.

    Args:
        file: Where to; its directory exists; an older file is replaced.
        audit: The audit.

    Raises:
        RunError: The file cannot be written there.
    """
    checks = [{**to_table(check), "rule": check.threshold.rule} for check in audit.checks]
    table = {"verdict": audit.verdict, **to_table(audit), "checks": checks}
    return write_text(file, json.dumps(table, indent=2, ensure_ascii=False) + "\n")
