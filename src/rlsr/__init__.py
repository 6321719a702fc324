"""rlsr: make a model better than SFT would, from the SFT dataset you already have."""

__version__ = "0.1.0"

__all__ = ["__version__"]
