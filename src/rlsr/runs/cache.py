"""Where things that can be made again are kept between runs: converted models, encoded references."""

from pathlib import Path

from platformdirs import user_cache_path

from rlsr.errors import RunError


def cache_directory(name: str) -> Path:
    """Make and return a directory for one kind of cached thing.

    It lies in the platform's cache directory, so ``XDG_CACHE_HOME`` moves it on Linux, and may be removed at any time.

    Args:
        name: What is kept there, as in ``models``.

    Returns:
        The existing directory.

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
