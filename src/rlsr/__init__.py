"""rlsr: make a model better than SFT would, from the SFT dataset you already have."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlsr.api import audit, compare, evaluate, load_run, open_reward, train

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "audit",
    "compare",
    "evaluate",
    "load_run",
    "open_reward",
    "train",
]

if not TYPE_CHECKING:
    # Type checkers know the calls by their import above, and any other name as a mistake.
    def __getattr__(name: str) -> Any:
        """Load the calls of :mod:`rlsr.api` when one is asked for: ``import rlsr`` alone stays light."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from rlsr import api

        return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
