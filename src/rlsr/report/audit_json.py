"""The findings of an audit are written as JSON for scripts.

The keys are the names of the fields of :class:`rlsr.audit.result.Audit`, with the worst verdict in front, and for each check
its rule in words. NaN (not scored) is written as null, never as 0.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsr.audit.result import Audit
from rlsr.report.text_file import write_text


def write_audit_json(file: Path, audit: Audit) -> Path:
    """Write an audit as JSON.

    Args:
        file: Where to; its directory exists; an older file is replaced.
        audit: The audit.

    Returns:
        The file.

    Raises:
        RunError: The file cannot be written there.
    """
    checks = [{**_plain(check), "rule": check.threshold.rule} for check in audit.checks]
    table = {"verdict": audit.worst, **_plain(audit), "checks": checks}
    return write_text(file, json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """Turn dataclasses into tables and what is no finite number into None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        # float() drops numpy's own number types, which compare equal but are no plain data.
        return float(value) if math.isfinite(value) else None
    return value
