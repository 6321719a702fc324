"""Finding optional packages without importing them."""

import importlib.util
from pathlib import Path


def package_directory(module: str) -> Path | None:
    """Find where a package was installed.

    Args:
        module: Its import name.

    Returns:
        The package's directory; None if it is not installed.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent
