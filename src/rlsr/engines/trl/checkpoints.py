"""The checkpoints of a run: which one it goes on from, and which are no longer needed."""

import json
import shutil
from pathlib import Path

_LAST_FILE = "trainer_state.json"


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


def keep_newest(directory: Path, number: int) -> None:
    """Remove checkpoints that later ones have replaced.

    By their steps: transformers goes by the times of files, and would remove the newest where the clock was put back.

    Args:
        directory: Where checkpoints go.
        number: How many stay.
    """
    ours = [
        path for path in directory.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()
    ]
    for checkpoint in sorted(ours, key=step_of)[:-number]:
        # First, so that one that is removed in part does not look complete.
        (checkpoint / _LAST_FILE).unlink(missing_ok=True)
        shutil.rmtree(checkpoint)


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
        json.loads((checkpoint / _LAST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
