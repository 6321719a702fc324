"""``rlsr.load_run``: a run that was begun before, to look at."""

from pathlib import Path

from rlsr.api.trained_run import TrainedRun
from rlsr.runs.record import read_run


def load_run(path: str | Path) -> TrainedRun:
    """Read a run, or stages of training, complete or still going on.

    Args:
        path: Its directory.

    Raises:
        RunError: There is none, or one of its files is damaged.
    """
    return TrainedRun(read_run(Path(path).expanduser()))
