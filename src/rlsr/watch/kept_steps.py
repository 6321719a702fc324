"""The steps whose responses were kept, from one to the next. A long run has many, so that never all are listed."""

from collections.abc import Iterable

from rlsr.runs.record import Stage
from rlsr.runs.rollout_samples import samples_file


def kept_step_before(stage: Stage, step: int | None = None) -> int | None:
    """Find the last step whose responses were kept.

    Args:
        stage: Of a run.
        step: Only steps below this one count; None is the newest of all.

    Returns:
        None where there is none.
    """
    steps = (int(row["step"]) for row in reversed(stage.steps))
    return _first_kept(stage, (found for found in steps if step is None or found < step))


def kept_step_after(stage: Stage, step: int) -> int | None:
    """Find the next step whose responses were kept.

    Args:
        stage: Of a run.
        step: Only steps above this one count.

    Returns:
        None where there is none.
    """
    steps = (int(row["step"]) for row in stage.steps)
    return _first_kept(stage, (found for found in steps if found > step))


def _first_kept(stage: Stage, steps: Iterable[int]) -> int | None:
    samples = stage.path / "samples"
    if not samples.is_dir() or next(samples.iterdir(), None) is None:
        # Most methods keep none, and a long run of theirs has thousands of steps.
        return None
    return next(
        (step for step in steps if step > 0 and samples_file(samples, step).is_file()), None
    )
