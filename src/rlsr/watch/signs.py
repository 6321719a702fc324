"""What monitors have said over a stage, and what else its summary warns of."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from rlsr.config import RunConfig
from rlsr.monitors.watch import episodes
from rlsr.printable import printable
from rlsr.runs.record import Stage
from rlsr.runs.step_metrics import monitor_column


@dataclass(frozen=True)
class Said:
    """Something that a person should know."""

    level: str
    """``alarm``, ``warn`` or ``note``."""
    name: str
    """Of the monitor; empty for a note."""
    words: str
    """A sentence without its end."""
    now: str = ""
    """Its level after the last step; empty where all is well by then."""
    is_quiet: bool = False
    """Whether the run's settings let nobody be told; it is listed all the same."""


MARKS = {"alarm": ("▲", "bold red"), "warn": ("△", "yellow"), "note": ("·", "")}
"""By level a mark and a style; the sentence has the word."""

_LEVELS = {1.0: "warn", 2.0: "alarm"}
"""As the columns of monitors have them."""


def said_of(stage: Stage) -> list[Said]:
    """List what was said, alarms first.

    Args:
        stage: Complete or not.
    """
    last = stage.steps[-1] if stage.steps else {}
    signs = [
        Said(
            sign.level,
            printable(sign.name),
            printable(sign.in_words.partition(": ")[2]),
            _LEVELS.get(last.get(monitor_column(sign.name), 0.0), ""),
            sign.action == "log",
        )
        for sign in (
            episodes(stage.steps, stage.known_config or RunConfig()) if stage.steps else ()
        )
    ]
    known = {f"{sign.name}: {sign.words}" for sign in signs}
    warnings = (stage.manifest or {}).get("warnings")
    notes = [printable(str(words)) for words in warnings] if isinstance(warnings, list) else []
    return [*signs, *(Said("note", "", words) for words in notes if words not in known)]


def in_brief(found: Sequence[Said]) -> tuple[str, str]:
    """Say in a line which monitors do not find all well now, or have not before.

    Args:
        found: All that was said.

    Returns:
        The words and their style.
    """
    told = [sign for sign in found if sign.name and not sign.is_quiet]
    now = {level: ", ".join(sign.name for sign in told if sign.now == level) for level in MARKS}
    words = "  ".join(
        f"{MARKS[level][0]} {level}: {names}" for level, names in now.items() if names
    )
    if words:
        return words, MARKS["alarm" if now["alarm"] else "warn"][1]
    if told:
        return f"all well now; said earlier: {', '.join(sign.name for sign in told)}", "dim"
    return "monitors: all well", "dim"


def signs_view(found: Sequence[Said]) -> RenderableType:
    """Lay out all that was said.

    Args:
        found: Alarms first.
    """
    if not found:
        return Text("The monitors have found nothing so far.", style="dim")
    lines = []
    for sign in found:
        mark, style = MARKS[sign.level]
        line = Text(f"{mark} {sign.name}".strip(), style=style)
        lines.append(
            line.append(
                f": {sign.words}" if sign.name else f" {sign.words}", style="not bold default"
            )
        )
    return Group(*lines)
