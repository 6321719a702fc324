"""What stands on top: where the run stands, how far it is, and how long that still takes."""

import shlex
import time
from pathlib import Path

from rich.text import Text

from rlsr.printable import printable
from rlsr.runs.progress import Progress, State, TimeLeft
from rlsr.runs.record import Run

_GOOD, _DOUBTFUL = "bold #4ebf71", "bold yellow"

STATES: dict[State, tuple[str, str]] = {
    "running": ("● running", _GOOD),
    "perhaps running": ("◌ on another machine", _DOUBTFUL),
    "stopped": ("■ stopped", _DOUBTFUL),
    "complete": ("✓ complete", _GOOD),
}
"""A mark and its word, which say the same without colours, and a style."""

_QUIET_SECONDS = 60.0
"""Silence that is said even of a run with fast steps."""


def short_name(path: Path, most: int = 60) -> str:
    """Name a directory by the end of its path where the whole is too long.

    Args:
        path: Of the run.
        most: Characters that there is room for.
    """
    whole = printable(str(path))
    return whole if len(whole) <= most else f"…{whole[1 - most :]}"


def stage_words(run: Run, place: int) -> str:
    """Name a stage as on its tab.

    Args:
        run: With its stages.
        place: Of the stage; those that were not begun come last.
    """
    if place >= len(run.stages):
        return f"{printable(run.missing_stages[place - len(run.stages)])} (next)"
    stage = run.stages[place]
    mark = " ✓" if stage.manifest is not None else ""
    return f"{printable(stage.name)}{mark}"


def state_text(progress: Progress) -> Text:
    """Say in a word where the run stands."""
    words, style = STATES[progress.state]
    return Text(words, style)


def doing_text(path: Path, progress: Progress) -> Text:
    """Say what the run does, or how to go on with it.

    Args:
        path: Of the run.
        progress: Where it stands.
    """
    doing = printable(progress.doing)
    if progress.state == "stopped":
        resume = shlex.join(["rlsr", "train", "--resume", "--out", str(path)])
        doing = f"{doing}; {printable(resume)} goes on"
    return Text(doing, no_wrap=True, overflow="ellipsis")


def left_words(progress: Progress, *, has_more: bool = False) -> str:
    """Say how long training still takes at the pace of its last steps.

    Args:
        progress: Where it stands.
        has_more: Whether another stage follows.

    Returns:
        As in ``62 %, at most 12 min of training left``; nothing where that is not known, or nobody trains.
    """
    left = progress.left
    if left is None or progress.state not in {"running", "perhaps running"}:
        return ""
    more = " in this stage" if has_more else ""
    return f"{share_of(left)}, at most {duration(left.seconds)} of training left{more}"


def share_of(left: TimeLeft) -> str:
    """Say how far it is; of a budget, of which one."""
    of = {
        "steps": "",
        "training.max_tokens": " of the tokens",
    }.get(left.limit, " of the time")
    return f"{left.share:.0%}{of}"


def silence_words(progress: Progress, written_at: float | None, step_seconds: float | None) -> str:
    """Say for how long nothing was written, where that is longer than a step explains.

    Args:
        progress: Where it stands.
        written_at: When something was last written, in seconds since 1970.
        step_seconds: What a step takes; None before the first one.
    """
    if written_at is None or progress.state in {"complete", "stopped"}:
        return ""
    silent = time.time() - written_at
    if silent < max(_QUIET_SECONDS, 3 * (step_seconds or 0.0)):
        return ""
    return f"nothing was written for {duration(silent)}"


def duration(seconds: float) -> str:
    """Write a time as in ``45 s``, ``12 min``, ``3 h 20 min`` or ``2 d 5 h``.

    Args:
        seconds: Not negative.
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _in_two(minutes, 60, "h", "min")
    return _in_two(round(minutes / 60), 24, "d", "h")


def _in_two(count: int, per: int, large: str, small: str) -> str:
    whole, rest = divmod(count, per)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"
