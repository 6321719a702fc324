"""How a run looks while it goes on: a live panel on a terminal, a line a step when piped."""

import math
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from rlsr.runs.step_metrics import BRIEFS, BUDGET_SHARE, MONITOR, Brief

Metrics = Mapping[str, float | None]

_QUIET_SECONDS = 60.0

_STYLES = {"note": "", "warn": "yellow", "alarm": "bold red"}


def step_line(step: int, num_steps: int, metrics: Metrics) -> str:
    """Write the numbers of a step in one line.

    Args:
        step: Counted from 1.
        num_steps: Steps of the whole run; an upper bound where a budget decides.
        metrics: As in ``metrics.jsonl``. What is None was not scored; what the method does not have is left out.
    """
    share = _deciding_share(step, num_steps, metrics)
    head = f"step {step}/{num_steps}"
    if share is not None:
        head = f"step {step}, {share:.0%} of the budget"
    numbers = [
        brief.words.format(_format(metrics[name], brief))
        for name, brief in BRIEFS.items()
        if name in metrics
    ]
    signs = signs_in_words(metrics)
    return "".join([head, *numbers, f"  {signs}" if signs else ""])


def signs_in_words(metrics: Metrics) -> str:
    """Name the monitors to which a step does not look well.

    Args:
        metrics: As in ``metrics.jsonl``.

    Returns:
        As in ``alarm: cut; warn: entropy, length``; empty where all is well.
    """
    names: dict[str, list[str]] = {"alarm": [], "warn": []}
    for column, value in metrics.items():
        head, _, name = column.partition("/")
        if head == MONITOR and value:
            names["alarm" if value > 1 else "warn"].append(name)
    return "; ".join(f"{level}: {', '.join(found)}" for level, found in names.items() if found)


def minutes_left(seconds: float, done: float, share: float, what: str = " of training") -> str:
    """Say how long it takes yet, if it goes on as it has.

    Args:
        seconds: That a part took.
        done: Which share of the whole that part was.
        share: Of the whole that is done.
        what: Of what, with a space before it; empty says nothing.

    Returns:
        As in ``about 12 min of training left``; empty below a minute, or where nothing says.
    """
    minutes = seconds / done * (1 - share) / 60 if done > 0 else 0.0
    return f"about {minutes:,.0f} min{what} left" if minutes >= 1 else ""


def _deciding_share(step: int, num_steps: int, metrics: Metrics) -> float | None:
    """Take how much of the budget is used where it is nearer to its end than the steps are."""
    share = metrics.get(BUDGET_SHARE)
    if share is None or share < step / num_steps:
        return None
    return min(share, 1.0)


def _format(value: float | None, brief: Brief) -> str:
    return "-" if value is None else format(value, brief.form)


class PlainObserver:
    """A line for every stage and step.

    Args:
        console: Where to.
        clock: In seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._started = clock()
        self._first: tuple[float, float] | None = None  # when, and at which share of the training
        self._counted: tuple[float, int] | None = None  # when a count began, and at which number
        self._said = self._started  # when something was printed last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def on_stage(self, name: str) -> None:
        """Print the stage with the time since the start.

        Args:
            name: In words.
        """
        self._first = self._counted = None
        self._print(f"[{self._clock() - self._started:4.0f} s] {name}")

    def on_progress(self, done: int, total: int) -> None:
        """Print how far it is where nothing was printed for a minute: a file needs no bar, and who waits a sign of life.

        Args:
            done: Units done.
            total: Units in all.
        """
        if self._counted is None or done < self._counted[1]:
            self._counted = self._clock(), done
        if done >= total or self._clock() - self._said < _QUIET_SECONDS:
            return
        since, before = self._counted
        left = minutes_left(self._clock() - since, (done - before) / total, done / total, "")
        self._print(f"{done} of {total}  {left}" if left else f"{done} of {total}")

    def on_step(self, step: int, num_steps: int, metrics: Metrics) -> None:
        """Print a line.

        Args:
            step: Counted from 1.
            num_steps: Steps of the whole run.
            metrics: As in ``metrics.jsonl``.
        """
        share = _deciding_share(step, num_steps, metrics)
        share = step / num_steps if share is None else share
        self._first = self._first or (self._clock(), share)
        since, before = self._first
        left = minutes_left(self._clock() - since, share - before, share)
        line = step_line(step, num_steps, metrics)
        self._print(f"{line}  {left}" if left else line)

    def _print(self, line: str) -> None:
        self._said = self._clock()
        self._console.print(line, markup=False)

    def on_finding(self, level: str, words: str) -> None:
        """Print it.

        Args:
            level: ``note``, ``warn`` or ``alarm``.
            words: What was found.
        """
        self._console.print(f"{level}: {words}", markup=False, style=_STYLES[level])


class LiveObserver:
    """A panel: the stage with its bar, and the last steps.

    Args:
        console: A terminal.
        num_rows: Steps that stay in sight.
    """

    def __init__(self, console: Console, num_rows: int = 8) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            # The pace of the whole stage: in Rich's own half a minute there may be no two steps.
            speed_estimate_period=math.inf,
        )
        self._stage = "starting"
        self._task = self._progress.add_task(self._stage, total=None)
        self._rows: list[tuple[int, Metrics]] = []
        self._num_rows = num_rows
        self._live = Live(self._render(), console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def on_stage(self, name: str) -> None:
        """Start a new bar.

        Args:
            name: In words.
        """
        self._stage = name
        # A new task: resetting the old one would keep its total.
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=None)

    def on_progress(self, done: int, total: int) -> None:
        """Move the bar.

        Args:
            done: Units done.
            total: Units in all.
        """
        self._progress.update(self._task, completed=done, total=total)

    def on_step(self, step: int, num_steps: int, metrics: Metrics) -> None:
        """Move the bar and show the step's numbers.

        Args:
            step: Counted from 1.
            num_steps: Steps of the whole run.
            metrics: As in ``metrics.jsonl``.
        """
        if self._rows and step <= self._rows[-1][0]:
            # Another stage of training counts anew, and has other numbers.
            self._rows = []
        self._rows = [*self._rows, (step, metrics)][-self._num_rows :]
        share = _deciding_share(step, num_steps, metrics)
        if share is None:
            self._progress.update(self._task, completed=step, total=num_steps)
        else:
            self._progress.update(
                self._task,
                description=f"{self._stage}, % of the budget",
                completed=round(100 * share),
                total=100,
            )
        self._live.update(self._render())

    def on_finding(self, level: str, words: str) -> None:
        """Print it above the panel, where it stays.

        Args:
            level: ``note``, ``warn`` or ``alarm``.
            words: What was found.
        """
        self._live.console.print(f"{level}: {words}", markup=False, style=_STYLES[level])

    def _render(self) -> Group:
        if not self._rows:
            return Group(self._progress)
        shown = [
            (name, brief)
            for name, brief in BRIEFS.items()
            if any(name in metrics for _, metrics in self._rows)
        ]
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("step", *(brief.title for _, brief in shown)):
            table.add_column(title, justify="right")
        signs = [signs_in_words(metrics) for _, metrics in self._rows]
        if any(signs):
            table.add_column("monitors")
        for (step, metrics), sign in zip(self._rows, signs, strict=True):
            numbers = (_format(metrics.get(name), brief) for name, brief in shown)
            table.add_row(str(step), *numbers, *([sign] if any(signs) else []))
        return Group(table, self._progress)
