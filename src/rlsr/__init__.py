"""rlsr: make a model better than SFT would, from the SFT dataset you already have."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rlsr")
except PackageNotFoundError:  # running from a source tree that is not installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
