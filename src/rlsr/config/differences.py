"""Which settings differ between two configs."""

import re
from collections.abc import Mapping
from typing import Any

_BUDGET = re.compile(r"(?:.*\.)?budget\.(?:calls|tokens)")


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """List the settings in which two nested tables differ.

    Args:
        old: One table.
        new: The other.
        prefix: Put before every name.

    Returns:
        Dotted names, sorted within each table.
    """
    keys: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            keys += differing_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            keys.append(prefix + key)
    return keys


def may_change(key: str) -> bool:
    """Say whether a run that goes on may have another value: what may be asked of a server, and who is told of the run.

    Args:
        key: Its dotted name.
    """
    return is_budget(key) or key == "tracking"


def is_budget(key: str) -> bool:
    """Say whether a setting is what may be asked of a server, which a run may be given more of.

    Args:
        key: Its dotted name.
    """
    return _BUDGET.fullmatch(key) is not None
