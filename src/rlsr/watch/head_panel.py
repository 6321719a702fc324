"""The lines on top of the live program; one that has nothing to say takes no room."""

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ProgressBar, Static

from rlsr.printable import printable
from rlsr.runs.growing import GrowingRun
from rlsr.runs.progress import Progress, progress_of
from rlsr.runs.record import Run
from rlsr.runs.step_totals import step_seconds
from rlsr.watch.head import (
    doing_text,
    left_words,
    short_name,
    silence_words,
    stage_words,
    state_text,
)


class HeadPanel(Vertical):
    """Where the run stands, its stages, what it does, how long that takes, and what monitors say of it now.

    Args:
        path: Of the run.
    """

    DEFAULT_CSS = """
    HeadPanel { height: auto; }
    HeadPanel .line { height: 1; padding: 0 1; }
    HeadPanel #name { width: 1fr; text-style: bold; }
    HeadPanel #state { width: auto; }
    HeadPanel #bar { width: 1fr; max-width: 40; margin-right: 2; }
    HeadPanel #bar Bar { width: 1fr; }
    HeadPanel #left { width: auto; color: $text-muted; }
    HeadPanel #problem { color: $text-error; }
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        with Horizontal(classes="line"):
            yield Static(short_name(self._path), id="name", markup=False)
            yield Static(id="state", markup=False)
        yield Static(id="stages", classes="line", markup=False)
        yield Static(id="doing", classes="line", markup=False)
        with Horizontal(id="progress", classes="line"):
            yield ProgressBar(total=1.0, show_percentage=False, show_eta=False, id="bar")
            yield Static(id="left", markup=False)
        yield Static(id="problem", classes="line", markup=False)
        yield Static(id="signs", classes="line", markup=False)

    def on_mount(self) -> None:
        """Begin with the name alone."""
        for name in ("#stages", "#progress", "#problem", "#signs"):
            self.query_one(name).display = False

    def show(self, run: Run, growing: GrowingRun, *, shown: int) -> None:
        """Say where the run stands.

        Args:
            run: As it was seen last.
            growing: The same one on disk.
            shown: Place of the stage whose numbers are shown.
        """
        progress = progress_of(run, is_worked_in=growing.is_worked_in())
        self.query_one("#state", Static).update(state_text(progress))
        self._show_line("#stages", _stage_line(run, shown))
        self.query_one("#doing", Static).update(_doing(run, progress, growing.written_at()))
        left = left_words(progress, has_more=bool(run.missing_stages))
        self.query_one("#progress").display = bool(left)
        if left and progress.left is not None:
            self.query_one("#bar", ProgressBar).update(progress=progress.left.share)
            self.query_one("#left", Static).update(left)

    def show_waiting(self, words: str) -> None:
        """Say why there is no run to show yet.

        Args:
            words: In a sentence.
        """
        self.query_one("#doing", Static).update(printable(words))

    def show_problem(self, words: str) -> None:
        """Say why the run could not be read this time; nothing where it could.

        Args:
            words: In a sentence.
        """
        self._show_line("#problem", _line(printable(words)))

    def show_signs(self, words: str, style: str) -> None:
        """Say in a line what monitors find.

        Args:
            words: Without its end.
            style: As rich takes it.
        """
        self._show_line("#signs", _line(words, style))

    def _show_line(self, name: str, line: Text) -> None:
        widget = self.query_one(name, Static)
        widget.display = bool(line.plain)
        widget.update(line)


def _doing(run: Run, progress: Progress, written_at: float | None) -> Text:
    words = doing_text(run.path, progress)
    steps = run.stages[-1].steps
    silence = silence_words(progress, written_at, step_seconds(steps[-1]) if steps else None)
    return words.append(f"; {silence}", style="yellow") if silence else words


def _stage_line(run: Run, shown: int) -> Text:
    """List the stages, the one that is shown set off."""
    if not run.is_pipeline:
        return Text()
    line = _line("stages  ", "dim")
    for place in range(len(run.stages) + len(run.missing_stages)):
        style = "not dim bold reverse" if place == shown else ""
        line.append(f" {stage_words(run, place)} ", style=style).append(" ")
    return line


def _line(words: str, style: str = "") -> Text:
    return Text(words, style, no_wrap=True, overflow="ellipsis")
