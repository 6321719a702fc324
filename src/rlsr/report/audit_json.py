"""An audit as JSON: for scripts, and for a page that is written later.

The keys are the names of the fields of :class:`rlsr.audit.result.Audit`, with the worst verdict in front. NaN (not
scored) is written as null, never as 0. Where a number may be missing (``value``, ``low`` and ``high`` of a check)
null is read as None, everywhere else as NaN.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rlsr.audit.result import Audit
from rlsr.errors import DataError
from rlsr.report.text_file import write_text

_MAY_BE_NONE = {("checks", "value"), ("checks", "low"), ("checks", "high")}


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
    table = {"verdict": audit.worst, **_plain(audit)}
    return write_text(file, json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_audit_json(file: Path) -> Audit:
    """Read an audit that :func:`write_audit_json` wrote.

    Args:
        file: The file.

    Returns:
        The same audit; infinities, which JSON does not have, come back as NaN.

    Raises:
        DataError: There is no such file, or it holds something else.
    """
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        return TypeAdapter(Audit).validate_python(_with_nan(table))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: expected the JSON of an audit, got {_fault(error)}; make it again with rlsr audit"
        ) from error


def _fault(error: OSError | ValueError) -> str:
    """Say what is wrong in one line; pydantic's own message has four a mistake."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        return f"{first['msg'].lower()} at {place}"
    return str(error)


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


def _with_nan(value: Any, path: tuple[str, ...] = ()) -> Any:
    """Put NaN where null stands for a number that was not scored."""
    if value is None:
        return None if path in _MAY_BE_NONE else math.nan
    if isinstance(value, dict):
        return {key: _with_nan(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_nan(item, path) for item in value]
    return value
