"""What people read after a run. Loads no torch."""

from rlsr.report.model_card import write_model_card

__all__ = ["write_model_card"]
