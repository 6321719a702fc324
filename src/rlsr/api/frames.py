"""Results as a pandas frame, where pandas is there."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from rlsr.errors import MissingPackageError
from rlsr.packages import package_directory


def to_frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Make a ``pandas.DataFrame`` of rows.

    Args:
        rows: One dict each.

    Raises:
        MissingPackageError: pandas is not installed.
    """
    if package_directory("pandas") is None:
        raise MissingPackageError("pandas", "show results as a frame", "pip install pandas")
    return import_module("pandas").DataFrame(list(rows))
