"""Finding the checkpoint that a run goes on from."""

import json
import logging
from pathlib import Path


def is_no_warning_of_times(record: logging.LogRecord) -> bool:
    """Leave out what transformers warns of in every run that writes checkpoints within a moment: that it orders them by number.

    That is the order that counts here.

    Args:
        record: What was logged.
    """
    return "mtime may not be reliable" not in record.getMessage()


def newest_complete_checkpoint(directory: Path) -> Path | None:
    """Find the checkpoint to resume from.

    A run that was killed while it wrote a checkpoint leaves half of one; the trainer's state is the last file of it, so
    that its existence means complete.

    Args:
        directory: Where checkpoints go.

    Returns:
        The newest complete checkpoint; None if there is none.
    """
    found = [path for path in directory.glob("checkpoint-*") if _is_complete(path)]
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """Read the step of a checkpoint from its name.

    Args:
        checkpoint: Its directory.

    Returns:
        Optimiser steps that were taken.
    """
    return int(checkpoint.name.removeprefix("checkpoint-"))


def _is_complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
