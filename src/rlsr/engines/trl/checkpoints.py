"""The checkpoints of a run: which one it goes on from, and which ones are let go of."""

import json
import logging
import shutil
from pathlib import Path

from rlsr.errors import RunError
from rlsr.runs.checksums import CHECKSUMS, find_damage, write_checksums

logger = logging.getLogger(__name__)

_STATE = "trainer_state.json"


def checkpoint_of(directory: Path, step: int) -> Path:
    """Name the checkpoint after a step.

    Args:
        directory: Where checkpoints go.
        step: Optimiser steps that were taken.
    """
    return directory / f"checkpoint-{step}"


def newest_whole_checkpoint(directory: Path) -> Path | None:
    """Find the checkpoint to resume from.

    A run that was killed while it wrote a checkpoint leaves half of one, without the trainer's state or without checksums, which
    are its last files. One that was damaged after it was whole is passed over with a notice.

    Args:
        directory: Where checkpoints go.

    Returns:
        The newest whole checkpoint; None if none was ever whole.

    Raises:
        RunError: All that were whole are damaged.
    """
    damaged = []
    for checkpoint in reversed(_by_step(directory)):
        damage = find_damage(checkpoint)
        if damage is not None:
            logger.warning("%s: the checkpoint of step %d is passed over", damage, step_of(checkpoint))  # fmt: skip
            damaged.append(damage)
        elif _has_state(checkpoint):
            return checkpoint
    if damaged:
        raise RunError(
            f"{directory}: every checkpoint is damaged ({'; '.join(damaged)}); put back a copy of one, or start a new run"
        )
    return None


def finish_checkpoint(checkpoint: Path, *, keep: int) -> None:
    """Make a checkpoint one that counts, and let go of those that are not wanted any more.

    Steps decide and not clocks, which may go backwards.

    Args:
        checkpoint: All of its files are written.
        keep: How many newest ones stay, this one included. Later ones were damaged, and their steps were taken again.
    """
    write_checksums(checkpoint)
    found = _by_step(checkpoint.parent)
    until_now = [other for other in found if step_of(other) <= step_of(checkpoint)]
    wanted = set(until_now[-keep:])
    for other in found:
        if other not in wanted:
            remove_checkpoint(other)


def remove_checkpoint(checkpoint: Path) -> None:
    """Remove a checkpoint; one that is removed in part does not look whole, and mixes with no new one.

    Args:
        checkpoint: Its directory, which may not be there.
    """
    # First what says that it is whole.
    for name in (_STATE, CHECKSUMS):
        (checkpoint / name).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)


def step_of(checkpoint: Path) -> int:
    """Read the step of a checkpoint from its name.

    Args:
        checkpoint: Its directory.

    Returns:
        Optimiser steps that were taken.
    """
    return int(checkpoint.name.removeprefix("checkpoint-"))


def _by_step(directory: Path) -> list[Path]:
    """List checkpoints, the oldest first; what people have put beside them is theirs."""
    found = directory.glob("checkpoint-*")
    return sorted((path for path in found if path.name.rpartition("-")[2].isdecimal()), key=step_of)


def _has_state(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True
