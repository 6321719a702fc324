"""Tasks of the LM Evaluation Harness as suites: its prompts, its scoring, our policies and intervals."""

from rlsr.evaluation.suites.harness.items import Item, item_of, items_to_scores
from rlsr.evaluation.suites.harness.open import (
    PAPER,
    PAPER_TASKS,
    PREFIX,
    load_parts,
    open_paper_tasks,
    open_task,
)
from rlsr.evaluation.suites.harness.suite import HarnessSuite

__all__ = [
    "PAPER",
    "PAPER_TASKS",
    "PREFIX",
    "HarnessSuite",
    "Item",
    "item_of",
    "items_to_scores",
    "load_parts",
    "open_paper_tasks",
    "open_task",
]
