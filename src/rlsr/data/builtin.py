"""The data that ships with the package."""

from collections.abc import Mapping
from importlib.resources import files
from typing import IO, Final

from rlsr.errors import DataError

BUILTIN_PREFIX: Final = "builtin:"
BUILTIN_SETS: Final[Mapping[str, str]] = {"instructions": "builtin/instructions.jsonl"}
"""Name of each set to its JSONL file inside ``rlsr.data``."""


def open_builtin(name: str) -> IO[bytes]:
    """Open a built-in set.

    Args:
        name: The name, without the prefix ``builtin:``.

    Returns:
        The JSONL file, opened for reading bytes.

    Raises:
        DataError: If there is no set of that name.
    """
    if name not in BUILTIN_SETS:
        names = ", ".join(f"{BUILTIN_PREFIX}{known}" for known in sorted(BUILTIN_SETS))
        raise DataError(
            f"{BUILTIN_PREFIX}{name}: no built-in set of that name; "
            f"set `data.path` to one of: {names}"
        )
    return (files("rlsr.data") / BUILTIN_SETS[name]).open("rb")
