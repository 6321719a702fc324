"""The live program: a run in the terminal while it goes on. It only reads, and does so seldom enough to cost next to nothing."""

import asyncio
import signal
import time
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static, TabbedContent, TabPane

from rlsr.errors import RunError
from rlsr.printable import printable
from rlsr.runs.growing import GrowingRun
from rlsr.runs.record import Run, Stage
from rlsr.runs.rollout_samples import read_rollout_samples, samples_file
from rlsr.watch.curve_grid import CurveGrid
from rlsr.watch.curves import Curves
from rlsr.watch.head_panel import HeadPanel
from rlsr.watch.heldout import heldout_view
from rlsr.watch.kept_steps import kept_step_after, kept_step_before
from rlsr.watch.rollouts import rollouts_view
from rlsr.watch.signs import in_brief, said_of, signs_view

LEAST_SECONDS = 1.0
"""Between two looks."""
_REST = 50
"""A look is followed by a rest so many times as long, so that watching takes a fiftieth of a core."""
_MOST_SECONDS = 10.0
"""Between two looks, however long the run is."""

_WAITING = "waiting for it to begin"
_GONE = "the directory is not there any more; what was seen last stays here"

VIEWS = {
    "curves": "Curves",
    "heldout": "Held-out",
    "monitors": "Monitors",
    "responses": "Responses",
}


class WatchApp(App[None]):
    """Shows a run, and looks at it again and again.

    Args:
        growing: The run; where it is not there yet, it is waited for.
        least_seconds: Between two looks.
    """

    CSS = """
    #steps, #step { height: 1; padding: 0 1; color: $text-muted; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; }
    VerticalScroll > Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_view", "Next view", key_display="tab", priority=True),
        *(
            Binding(str(place), f"view('{name}')", title, show=False)
            for place, (name, title) in enumerate(VIEWS.items(), start=1)
        ),
        Binding("s", "next_stage", "Other stage", priority=True),
        Binding("left", "step(-1)", "Earlier step", key_display="←", priority=True),
        Binding("right", "step(1)", "Later step", key_display="→", priority=True),
        Binding("n", "newest", "Newest", priority=True),
        Binding("q", "quit", "Leave", priority=True),
        Binding("ctrl+c,ctrl+q", "quit", "Leave", show=False, priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, growing: GrowingRun, *, least_seconds: float = LEAST_SECONDS) -> None:
        super().__init__()
        # Over ssh every picture of an animation is sent.
        self.animation_level = "none"
        self._growing = growing
        self._least_seconds = least_seconds
        self._run_seen: Run | None = None
        self._shown: tuple[Stage, int | None] | None = None
        self._curves: dict[Path, Curves] = {}
        self._stage: int | None = None
        self._step: int | None = None

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield HeadPanel(self._growing.path)
        with TabbedContent(initial="curves"):
            with TabPane(VIEWS["curves"], id="curves"):
                yield Static(id="steps", markup=False)
                yield CurveGrid()
            for name in ("heldout", "monitors"):
                with TabPane(VIEWS[name], id=name), VerticalScroll():
                    yield Static(id=f"{name}-view", markup=False)
            with TabPane(VIEWS["responses"], id="responses"):
                yield Static(id="step", markup=False)
                with VerticalScroll():
                    yield Static(id="responses-view", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to look, and listen to who asks the program to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._leave, number)
        self.look()
        self.set_timer(self._least_seconds, self._look_again)

    def on_unmount(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def _leave(self, number: signal.Signals) -> None:
        self.exit(return_code=128 + number)

    def _look_again(self) -> None:
        started = time.process_time()
        self.look()
        # What has changed is painted before the rest begins.
        self.call_after_refresh(self._rest_since, started)

    def _rest_since(self, started: float) -> None:
        rest = min(_REST * (time.process_time() - started), _MOST_SECONDS)
        self.set_timer(max(self._least_seconds, rest), self._look_again)

    def look(self) -> None:
        """Look at the run once, and show what has changed."""
        problem = ""
        try:
            self._run_seen = self._growing.look() or self._run_seen
        except RunError as error:
            problem = str(error) if self._growing.path.exists() else _GONE
        head, run = self.query_one(HeadPanel), self._run_seen
        if run is None:
            head.show_waiting(_WAITING if problem in {"", _GONE} else problem)
            return
        head.show_problem(problem)
        if problem != _GONE:
            head.show(run, self._growing, shown=self._place(run))
        stage = run.stages[self._place(run)]
        if self._shown != (stage, self._step):
            self._show_stage(stage)
            self._shown = stage, self._step
            self.refresh_bindings()

    def _place(self, run: Run) -> int:
        """Take the stage that was asked for; without one the newest."""
        last = len(run.stages) - 1
        return last if self._stage is None else min(self._stage, last)

    def _show_stage(self, stage: Stage) -> None:
        curves = self._curves.setdefault(stage.path, Curves()).of(stage)
        self.query_one(CurveGrid).show(curves)
        steps = [int(row["step"]) for row in (stage.steps[:1] + stage.steps[-1:])]
        words = f"over steps {steps[0]:,} to {steps[-1]:,}" if steps else "No step was taken yet."
        self.query_one("#steps", Static).update(words)
        self.query_one("#heldout-view", Static).update(heldout_view(stage))
        said = said_of(stage)
        self.query_one(HeadPanel).show_signs(*(in_brief(said) if steps else ("", "")))
        self.query_one("#monitors-view", Static).update(signs_view(said))
        self._show_responses(stage)

    def _show_responses(self, stage: Stage) -> None:
        step = kept_step_before(stage) if self._step is None else self._step
        title, view = self.query_one("#step", Static), self.query_one("#responses-view", Static)
        if step is None:
            title.update("This stage has kept no responses (yet).")
            view.update("")
            return
        newest = ", the newest" if self._step is None else ""
        title.update(f"responses of step {step:,} of {stage.steps[-1]['step']:,}{newest}")
        try:
            view.update(
                rollouts_view(read_rollout_samples(samples_file(stage.path / "samples", step)))
            )
        except RunError as error:
            view.update(printable(str(error)))

    def action_view(self, name: str) -> None:
        """Show another view."""
        self.query_one(TabbedContent).active = name

    def action_next_view(self) -> None:
        """Show the view after this one."""
        names = list(VIEWS)
        active = self.query_one(TabbedContent).active
        self.action_view(names[(names.index(active) + 1) % len(names)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show only the keys that do something here."""
        run = self._run_seen
        if action == "next_stage":
            return run is not None and len(run.stages) > 1
        if action == "step":
            return self.query_one(TabbedContent).active == "responses"
        if action == "newest":
            return self._stage is not None or self._step is not None
        return True

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Let the arrow keys scroll what is shown."""
        event.pane.query_one(VerticalScroll).focus()
        self.refresh_bindings()

    def action_next_stage(self) -> None:
        """Show the next stage that was begun, after the last one the first."""
        if self._run_seen is not None:
            count = len(self._run_seen.stages)
            place = (self._place(self._run_seen) + 1) % count
            self._stage = None if place == count - 1 else place
            self._step = None
            self.look()

    def action_step(self, by: int) -> None:
        """Walk to the responses of another step."""
        run = self._run_seen
        if run is None or self.query_one(TabbedContent).active != "responses":
            return
        stage = run.stages[self._place(run)]
        newest = kept_step_before(stage)
        shown = newest if self._step is None else self._step
        if shown is None:
            return
        find = kept_step_before if by < 0 else kept_step_after
        found = find(stage, shown) or shown
        self._step = None if found == newest else found
        self.look()

    def action_newest(self) -> None:
        """Follow the newest step of the newest stage again."""
        self._stage = self._step = None
        self.look()
