"""How a run looks while it goes on: a live panel on a terminal, a line a step when piped."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Metrics = Mapping[str, float | None]


def step_line(step: int, num_steps: int, metrics: Metrics) -> str:
    """Write the numbers of a step in one line.

    Args:
        step: Counted from 1.
        num_steps: Steps of the whole run.
        metrics: As in ``metrics.jsonl``.

    Returns:
        The line.
    """
    parts = [
        f"step {step}/{num_steps}",
        f"reward {_number(metrics, 'reward/mean', '.3f')} (spread {_number(metrics, 'reward/group_std', '.3f')})",
        f"repeated {_number(metrics, 'reward/share_repeated', '.0%')}",
        f"kl {_number(metrics, 'optim/kl', '.4f')}",
        f"entropy {_number(metrics, 'optim/entropy', '.2f')}",
        f"characters {_number(metrics, 'length/response', '.0f')} (reference {_number(metrics, 'length/reference', '.0f')})",
        f"cut {_number(metrics, 'tokens/share_cut', '.0%')}",
        f"{_number(metrics, 'time/step', '.1f')} s",
    ]
    return "  ".join(parts)


def _number(metrics: Metrics, name: str, form: str) -> str:
    value = metrics.get(name)
    return "-" if value is None else format(value, form)


class PlainObserver:
    """A line for every stage and step.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

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
        self._console.print(f"[{time.monotonic() - self._started:4.0f} s] {name}", markup=False)

    def on_progress(self, done: int, total: int) -> None:
        """Stay silent: a file needs no bar."""

    def on_step(self, step: int, num_steps: int, metrics: Metrics) -> None:
        """Print a line.

        Args:
            step: Counted from 1.
            num_steps: Steps of the whole run.
            metrics: As in ``metrics.jsonl``.
        """
        self._console.print(step_line(step, num_steps, metrics), markup=False)


class LiveObserver:
    """A panel: the stage with its bar, and the last steps.

    Args:
        console: A terminal.
        num_rows: Steps that stay in sight.
    """

    def __init__(self, console: Console, num_rows: int = 8) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("starting", total=None)
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
        self._rows = [*self._rows, (step, metrics)][-self._num_rows :]
        self._progress.update(self._task, completed=step, total=num_steps)
        self._live.update(self._render())

    def _render(self) -> Group:
        if not self._rows:
            return Group(self._progress)
        table = Table(box=None, pad_edge=False, header_style="dim")
        columns = {
            "reward": ("reward/mean", ".3f"),
            "spread": ("reward/group_std", ".3f"),
            "repeated": ("reward/share_repeated", ".0%"),
            "kl": ("optim/kl", ".4f"),
            "entropy": ("optim/entropy", ".2f"),
            "chars": ("length/response", ".0f"),
            "ref": ("length/reference", ".0f"),
            "cut": ("tokens/share_cut", ".0%"),
            "s": ("time/step", ".1f"),
        }
        for title in ("step", *columns):
            table.add_column(title, justify="right")
        for step, metrics in self._rows:
            table.add_row(
                str(step), *(_number(metrics, name, form) for name, form in columns.values())
            )
        return Group(table, self._progress)
