"""Where things that can be made again are kept between runs: converted models, encoded references, translations."""

import hashlib
from pathlib import Path

from platformdirs import user_cache_path

from rlsr.errors import RunError


def cache_directory(name: str) -> Path:
    """Make and return a directory for one kind of cached thing.

    It lies in the platform's cache directory, so ``XDG_CACHE_HOME`` moves it on Linux, and may be removed at any time.

    Args:
        name: What is kept there, as in ``models``.

    Raises:
        RunError: It cannot be made.
    """
    path = Path(user_cache_path("rlsr")) / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{path}: the cache directory cannot be made: {error}; set XDG_CACHE_HOME to a place that can be written"
        ) from error
    return path


def directory_fingerprint(directory: Path) -> str | None:
    """Fingerprint a model's directory by its files' names, sizes and times, so that retrained weights are not mistaken.

    Args:
        directory: Where the model may lie.

    Returns:
        Sixteen hexadecimal digits; None where there is no such directory.
    """
    if not directory.is_dir():
        return None
    facts = [
        (str(file.relative_to(directory)), file.stat().st_size, file.stat().st_mtime_ns)
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
